// What stands before each group of attempts: an attempt is refused by the system, or it has reached something.
const fs = require("fs");
const os = require("os");
const path = require("path");
const found = {};
const ok = "as it should";
const refused = async (name, act) => {
  try {
    const reached = await act();
    found[name] = `reached: ${String(reached)}`.slice(0, 200);
  } catch (error) {
    // A mistake in the attempt is no refusal.
    found[name] = error?.code === undefined && error?.status === undefined ? `not tried: ${error}` : ok;
  }
};
const works = async (name, act) => {
  try {
    await act();
    found[name] = ok;
  } catch (error) {
    found[name] = `does not work: ${error}`;
  }
};
const holds = (name, isSo, what = "") => {
  found[name] = isSo ? ok : `is not so: ${JSON.stringify(what)}`.slice(0, 300);
};
const fail = (code) => {
  throw Object.assign(new Error(code), { code });
};
/** What an emitter of events comes to. */
const settled = (make, good) =>
  new Promise((resolve, reject) => {
    const one = make();
    one.on("error", reject);
    for (const event of good) one.on(event, () => (resolve(event), one.close?.(), one.destroy?.()));
    setTimeout(() => reject(Object.assign(new Error("nothing comes"), { code: "TIMEOUT" })), 400).unref();
  });
