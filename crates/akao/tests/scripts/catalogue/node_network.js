// The network, of which there is none, from inside Node.js; at `ownPort` the test itself listens.
const net = require("net");
const dgram = require("dgram");
const dns = require("dns");

const hosts = `1.1.1.1 127.0.0.1 127.1 0.0.0.0 2130706433 0177.0.0.1 10.0.0.1 172.17.0.1 192.168.1.1 169.254.169.254 100.100.100.200 168.63.129.16 ::1 ::
  ::ffff:127.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2001::80ff:fffe ::127.0.0.1 fd00:ec2::254 2606:4700:4700::1111 localhost
  akao.invalid EXAMPLE.com. example.com metadata.google.internal`.split(/\s+/);
const tries = [];
for (const name of hosts) {
  for (const port of [22, 80, ownPort]) tries.push(refused(`63 to 69 ${name} ${port}`, () => settled(() => net.connect({ host: name, port }), ["connect"])));
  const url = `http://${name.includes(":") ? `[${name}]` : name}/latest/meta-data/`;
  tries.push(refused(`66 fetch ${url}`, () => fetch(url, { signal: AbortSignal.timeout(400) }).catch((error) => fail(error.cause?.code ?? error.name))));
}
for (const [name, resolve] of Object.entries({ lookup: dns.promises.lookup, resolve4: dns.promises.resolve4, resolveTxt: dns.promises.resolveTxt })) {
  tries.push(refused(`64, 72 ${name}`, () => resolve("a".repeat(60) + ".example.com")));
}
const resolver = new dns.promises.Resolver({ timeout: 200, tries: 1 });
resolver.setServers(["8.8.8.8", "[2001:4860:4860::8888]:53"]);
tries.push(refused("72 a server of names of its own", () => resolver.resolve4("example.com")));
for (const kind of ["udp4", "udp6"]) {
  tries.push(refused(`63 ${kind}`, () => settled(() => { const socket = dgram.createSocket(kind); socket.on("error", () => {}); socket.send("x", 53, kind === "udp4" ? "8.8.8.8" : "::1", () => {}); return socket; }, ["message", "listening"])));
}
for (const [name, where] of Object.entries({ port: { port: 0 }, "own port": { port: ownPort, host: "127.0.0.1" }, IPv6: { port: 0, host: "::1" }, path: { path: "/tmp/own.sock" }, "no path": { path: "\0own" } })) {
  tries.push(refused(`75, 52, 53 listens at a ${name}`, () => settled(() => net.createServer().listen(where), ["listening"])));
  if (where.path) tries.push(refused(`52, 53 connects to a ${name}`, () => settled(() => net.connect(where), ["connect"])));
}
for (const name of ["http", "https", "http2", "tls"]) {
  const library = require(name);
  tries.push(refused(`63 ${name}`, () => settled(() => (name === "http2" ? library.connect("http://1.1.1.1") : name === "tls" ? library.connect(443, "1.1.1.1") : library.get(`${name}://1.1.1.1/`)), ["response", "connect", "secureConnect"])));
}
tries.push(refused("77 the channel is no way out", () => settled(() => new net.Socket({ fd: fs.openSync("/dev/null", "r+") }).connect(80, "1.1.1.1"), ["connect"])));
await Promise.all(tries);
return found;
