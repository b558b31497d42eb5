// `setTimeout` and its kin: what is called is kept here, when it is due is known outside.
(function ({ setFire, addTimer, removeTimer }) {
  const waiting = new Map();
  const start = (name, repeats, callback, delay, values) => {
    if (typeof callback !== "function") throw new TypeError(`${name} takes a function`);
    const milliseconds = Number(delay);
    const id = addTimer(milliseconds);
    if (typeof id !== "number") throw new RangeError("more than 10000 timers wait");
    waiting.set(id, { callback, values, id, milliseconds: repeats ? Math.max(1, milliseconds || 0) : undefined });
    return id;
  };
  // A repeated timer has a new number outside each time, and one for the script.
  const current = new Map();
  setFire((number) => {
    const timer = waiting.get(number);
    if (timer === undefined) return;
    waiting.delete(number);
    if (timer.milliseconds === undefined) {
      timer.callback(...timer.values);
      return;
    }
    const next = addTimer(timer.milliseconds);
    waiting.set(next, timer);
    current.set(timer.id, next);
    timer.callback(...timer.values);
  });
  const stop = (id) => {
    const number = current.get(id) ?? id;
    current.delete(id);
    if (waiting.delete(number)) removeTimer(number);
  };
  return {
    setTimeout: (callback, delay = 0, ...values) => start("setTimeout", false, callback, delay, values),
    setInterval: (callback, delay = 0, ...values) => start("setInterval", true, callback, delay, values),
    clearTimeout: stop,
    clearInterval: stop,
  };
})
