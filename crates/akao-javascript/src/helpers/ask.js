// Questions to the host as promises.
(function ({ setSettle, startAsk }) {
  const waiting = new Map();
  setSettle((id, isKept, value) => {
    const { resolve, reject, stack } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (isKept) resolve?.(value);
    // What was refused has no lines but those of whoever asked.
    else reject?.({ ...value, stack });
  });
  return {
    ask: (method, params) => {
      const { stack } = new Error();
      return new Promise((resolve, reject) => {
        waiting.set(startAsk(method, JSON.stringify(params)), { resolve, reject, stack });
      });
    },
  };
})
