// Questions to the host as promises.
(function ({ setSettle, startAsk }) {
  const waiting = new Map();
  setSettle((id, isKept, value) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (isKept) resolve?.(value);
    else reject?.(value);
  });
  return {
    ask: (method, params) =>
      new Promise((resolve, reject) => {
        waiting.set(startAsk(method, JSON.stringify(params)), { resolve, reject });
      }),
  };
})
