// Files of the host, devices and programs, from inside Node.js; `canary` is a file of the host.
const read = (file) => fs.readFileSync(file).subarray(0, 9);
const write = (file) => fs.closeSync(fs.openSync(file, "r+"));
const child = require("child_process");

await works("reads the library", () => read("/usr/bin/env"));
await works("writes its workspace", () => fs.writeFileSync("/workspace/own", "x"));
for (const place of ["/etc/shadow", "/root", "/home", "/var", "/srv", "/opt", "/mnt", "/run/akao-sandbox", "/boot", canary, path.dirname(canary)]) {
  await refused(`1 ${place}`, () => (fs.statSync(place).isDirectory() ? fs.readdirSync(place) : read(place)));
}
for (const start of ["/workspace/../../../..", "/proc/self/root", "/proc/1/root", "/proc/self/cwd/../../..", "/proc/self/task/1/root", "/proc/thread-self/root"]) {
  await refused(`2 ${start}`, () => read(start + canary));
  await refused(`2 ${start} by a URL`, () => read(new URL(`file://${start}${canary}`)));
}
fs.symlinkSync(canary, "/workspace/link");
fs.symlinkSync(path.dirname(canary), "/workspace/folder");
await refused("3 reads through a link", () => read("/workspace/link"));
await refused("3 writes through a link", () => write("/workspace/link"));
await refused("3 lists through a link", () => fs.readdirSync("/workspace/folder"));
await refused("3 copies through a link", () => fs.cpSync("/workspace/folder", "/tmp/copy", { recursive: true, dereference: true }));
await refused("4 a hard link of the library", () => fs.linkSync("/usr/bin/env", "/workspace/env"));
for (const place of ["/usr/mine", "/etc/mine", "/package/mine", "/mine", "/proc/mine", "/dev/mine"]) await refused(`8 ${place}`, () => fs.writeFileSync(place, ""));
for (const place of ["/usr/bin/env", "/etc/passwd", "/etc/resolv.conf", "/package/main.mjs", "/package/runner.cjs"]) {
  await refused(`8 writes ${place}`, () => write(place));
  await refused(`8 removes ${place}`, () => fs.unlinkSync(place));
  await refused(`8 renames ${place}`, () => fs.renameSync(place, "/workspace/taken"));
  await refused(`8 changes ${place}`, () => fs.chmodSync(place, 0o777));
  await refused(`8 gives away ${place}`, () => fs.chownSync(place, 0, 0));
  await refused(`8 truncates ${place}`, () => fs.truncateSync(place, 0));
}
for (const number of fs.readdirSync("/proc/self/fd")) {
  await refused(`12 descriptor ${number}`, () => read(`/proc/self/fd/${number}/../..${canary}`));
}
for (const place of ["sys/kernel/core_pattern", "sys/kernel/modprobe", "sys/kernel/hostname"]) await refused(`14 ${place}`, () => write(`/proc/${place}`));
for (const place of ["sysrq-trigger", "kcore", "kmsg", "kallsyms", "keys", "sys", "config.gz", "iomem", "slabinfo"]) await refused(`15 ${place}`, () => write(`/proc/${place}`));
await refused("15 /sys", () => fs.readdirSync("/sys"));
for (const name of ["mem", "environ", "maps", "auxv"]) await refused(`16 ${name}`, () => read(`/proc/1/${name}`));
for (const name of ["fd", "map_files"]) await refused(`16 ${name}`, () => fs.readdirSync(`/proc/1/${name}`));
for (const name of ["exe", "cwd", "root"]) await refused(`16 ${name}`, () => fs.readlinkSync(`/proc/1/${name}`));
for (const name of ["mem", "kvm", "fuse", "vda", "sda", "tty", "ptmx", "console", "kmsg", "net/tun", "loop-control"]) await refused(`17 /dev/${name}`, () => fs.openSync(`/dev/${name}`, "r+"));
for (const one of ["self", "1"]) await refused(`18 /proc/${one}/exe`, () => write(`/proc/${one}/exe`));
for (const folder of ["/workspace", "/tmp", "/dev/shm"]) {
  fs.copyFileSync("/usr/bin/true", `${folder}/program`);
  fs.chmodSync(`${folder}/program`, 0o700);
  await refused(`19 a program as its owner in ${folder}`, () => fs.chmodSync(`${folder}/program`, 0o4755));
  await refused(`21 a program in ${folder}`, () => child.execFileSync(`${folder}/program`, { stdio: "ignore" }));
  await refused(`22 the loader with a program in ${folder}`, () => {
    const loader = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].find((file) => fs.existsSync(file));
    child.execFileSync(loader, [`${folder}/program`], { stdio: "ignore" });
  });
  await refused(`22 an addon in ${folder}`, () => {
    fs.copyFileSync(/\/\S*libc\.so\S*/.exec(fs.readFileSync("/proc/self/maps", "utf8"))[0], `${folder}/addon.node`);
    require(`${folder}/addon.node`);
  });
}
for (const file of ["/usr/bin/su", "/usr/bin/id", "/bin/sh", "/usr/bin/python3", "/usr/bin/mount"]) await refused(`19, 22 ${file}`, () => child.execFileSync(file, ["--version"], { stdio: "ignore" }));
await refused("22 a shell", () => child.execSync("true", { stdio: "ignore" }));
await refused("23 more than there is room for", () => fs.writeFileSync("/tmp/large", Buffer.alloc(70_000_000)));
fs.rmSync("/tmp/large", { force: true });
await refused("24 a file with holes", () => (fs.truncateSync(fs.openSync("/tmp/holes", "w") && "/tmp/holes", 1e12), "a terabyte"));
return found;
