// Other processes, capabilities, descriptors, the inspector and reports, from inside Node.js.
const child = require("child_process");
const { Worker } = require("worker_threads");
const inspector = require("inspector");
const status = Object.fromEntries(fs.readFileSync("/proc/self/status", "utf8").split("\n").filter((line) => line.includes(":\t")).map((line) => line.split(":\t")));

// Node.js gives no calls of the kernel; what it has of its own is in its bindings.
const bindings = process.moduleLoadList.filter((name) => name.startsWith("Internal Binding ")).map((name) => name.slice(17));
const calls = bindings.flatMap((name) => {
  try {
    return Object.keys(process.binding(name)).filter((key) => /mount|unshare|ptrace|keyctl|bpf|setns|syscall|chroot|dlsym/i.test(key));
  } catch {
    return [];
  }
});
holds("29 to 42 no binding has calls of the kernel", bindings.length > 20 && calls.length === 0, calls);
await refused("29 to 42 WASI with the host's root", () => {
  const { WASI } = require("wasi");
  const wasi = new WASI({ version: "preview1", preopens: { "/": "/proc/1/root" } });
  return Object.keys(wasi.wasiImport).length;
});
for (const process_ of [1, 4_000_000]) {
  await refused(`33 ${process_} ended`, () => process.kill(process_, "SIGKILL"));
  await refused(`33 ${process_} looked into`, () => child.execFileSync(process.execPath, ["-e", `process._debugProcess(${process_})`], { stdio: "ignore" }));
  await refused(`83 ${process_} slowed`, () => os.setPriority(process_, 19));
}
for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) holds(`34 ${name} is empty`, /^0+$/.test(status[name]), status[name]);
holds("35 no new privileges", status.NoNewPrivs === "1" && status.Seccomp === "2", status);
for (const call of ["setuid", "setgid", "seteuid", "setgroups"]) {
  await refused(`34 ${call}`, () => child.execFileSync(process.execPath, ["-e", `process.${call}(${call === "setgroups" ? "[0]" : 0})`], { stdio: "ignore" }));
}
const kinds = new Set(fs.readdirSync("/proc/self/fd").map((number) => { try { return fs.readlinkSync(`/proc/self/fd/${number}`).split(":")[0]; } catch { return "pipe"; } }));
holds("45 descriptors", [...kinds].every((kind) => ["/dev/null", "pipe", "anon_inode", "socket"].includes(kind)), [...kinds]);
// Its one socket is the channel of its own request.
holds("45 one socket", fs.readdirSync("/proc/self/fd").filter((number) => { try { return fs.readlinkSync(`/proc/self/fd/${number}`).startsWith("socket:"); } catch { return false; } }).length === 1);
holds("46 environment", Object.keys(process.env).every((name) => ["PATH", "LANG", "TMPDIR", "HOME"].includes(name)), process.env);
holds("46 of the process", !fs.readFileSync("/proc/self/environ", "utf8").includes(path.dirname(canary)), fs.readFileSync("/proc/self/environ", "utf8"));
holds("47 the host's name", os.hostname() !== host && !fs.existsSync("/etc/machine-id"), os.hostname());
holds("48 other processes", fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length <= 2);
holds("49 not the host's root", process.getuid() === 1000 && os.userInfo().uid === 1000, process.getuid());
for (const place of ["/var/run/docker.sock", "/run/dbus/system_bus_socket", "/run/systemd/notify"]) await refused(`53 ${place}`, () => fs.statSync(place));
await refused("the inspector listens", () => {
  inspector.open(0, "127.0.0.1");
  return inspector.url() ?? fail("REFUSED");
});
// A report or a picture of the heap is a file of this run's own.
await works("a report", () => process.report.writeReport("/tmp/report.json"));
holds("46 a report tells nothing of the host", !fs.readFileSync(process.report.writeReport("/tmp/again.json"), "utf8").includes(path.dirname(canary)));
await refused("a report elsewhere", () => fs.statSync(process.report.writeReport("/usr/report.json")));
await refused("a picture of the heap elsewhere", () => require("v8").writeHeapSnapshot("/usr/heap.heapsnapshot"));
await refused("46 options for what is started", () => child.execFileSync(process.execPath, ["-e", "0"], { env: { NODE_OPTIONS: "--require=/tmp/none.cjs" }, stdio: "ignore" }));
await refused("a worker that looks into the host", () => settled(() => new Worker("require('fs').readFileSync(require('worker_threads').workerData)", { eval: true, workerData: canary }), ["message"]));
return found;
