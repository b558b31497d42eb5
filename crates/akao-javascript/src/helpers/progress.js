// `progress(fraction, message)`: how far the script is. Either may be left out.
(function ({ progress }) {
  return {
    progress(fraction, message = "") {
      if (typeof fraction === "string" && message === "") return progress(null, fraction);
      if (fraction !== undefined && fraction !== null && !(fraction >= 0 && fraction <= 1)) {
        throw new RangeError(`progress takes a fraction between 0 and 1, not ${String(fraction)}`);
      }
      progress(fraction === undefined || fraction === null ? null : Number(fraction), String(message));
    },
  };
})
