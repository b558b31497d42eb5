/**
 * A mail server for tests, that speaks SMTP as far as a client needs it: EHLO, STARTTLS, AUTH PLAIN and LOGIN, and the hand-over.
 *
 * `node smtp.mjs '{"tls": "starttls" | "implicit" | "none", "cert": FILE, "key": FILE, "user": …, "password": …}'` writes a line
 * with its port, and then one for each message that it takes. Recipients that begin with `gone` are refused for good, with `busy` for
 * now; what begins with `slow` is never answered. It ends with its standard input.
 */

import fs from "node:fs";
import net from "node:net";
import tls from "node:tls";

const given = JSON.parse(process.argv[2] ?? "{}");
const pem = given.cert === undefined ? {} : { cert: fs.readFileSync(given.cert), key: fs.readFileSync(given.key) };
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const text = (base64) => Buffer.from(base64, "base64").toString();

class Conversation {
  constructor(socket, isSecure) {
    this.isSecure = isSecure;
    this.forget();
    this.take(socket);
    this.answer("220 stand-in ESMTP");
  }

  take(socket) {
    this.socket = socket;
    this.rest = "";
    socket.setEncoding("latin1");
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      this.rest += chunk;
      for (let end = this.rest.indexOf("\r\n"); end >= 0 && this.socket === socket; end = this.rest.indexOf("\r\n")) {
        const line = this.rest.slice(0, end);
        this.rest = this.rest.slice(end + 2);
        this.line(line);
      }
    });
  }

  forget() {
    Object.assign(this, { from: null, to: [], data: null });
  }

  answer(line) {
    this.socket.write(line + "\r\n");
  }

  line(line) {
    if (this.data !== null) return this.body(line);
    if (this.login) return this.login(line);
    const [verb, ...words] = line.split(" ");
    const rest = words.join(" ");
    switch (verb.toUpperCase()) {
      case "EHLO": return this.hello();
      case "STARTTLS": return this.secure();
      case "AUTH": return this.auth(words);
      case "MAIL": return this.sender(rest);
      case "RCPT": return this.recipient(rest);
      case "DATA":
        this.data = [];
        return this.answer("354 go on");
      case "QUIT":
        this.answer("221 bye");
        return this.socket.end();
      default: return this.answer("250 ok");
    }
  }

  hello() {
    const offers = ["stand-in", ...(given.tls === "starttls" && !this.isSecure ? ["STARTTLS"] : []), "AUTH PLAIN LOGIN"];
    this.answer(offers.map((offer, index) => `250${index < offers.length - 1 ? "-" : " "}${offer}`).join("\r\n"));
  }

  secure() {
    if (given.tls !== "starttls" || this.isSecure) return this.answer("502 not here");
    const plain = this.socket;
    plain.removeAllListeners("data");
    this.answer("220 go on");
    // What came before the handshake counts for nothing.
    this.isSecure = true;
    this.take(new tls.TLSSocket(plain, { isServer: true, ...pem }));
  }

  auth([method, first]) {
    if (method === "PLAIN" && first !== undefined) return this.known(...text(first).split("\0").slice(1));
    let user;
    this.login = (line) => {
      if (user === undefined) {
        user = text(line);
        return this.answer("334 UGFzc3dvcmQ6");
      }
      this.login = undefined;
      return this.known(user, text(line));
    };
    return this.answer("334 VXNlcm5hbWU6");
  }

  known(user, password) {
    const isKnown = user === given.user && password === given.password;
    this.user = isKnown ? user : undefined;
    this.answer(isKnown ? "235 welcome" : "535 5.7.8 who are you");
  }

  sender(rest) {
    if (given.user !== undefined && this.user === undefined) return this.answer("530 sign in first");
    this.from = /<([^>]*)>/.exec(rest)?.[1];
    return this.answer("250 ok");
  }

  recipient(rest) {
    const to = /<([^>]*)>/.exec(rest)?.[1] ?? "";
    if (to.startsWith("slow")) return undefined;
    if (to.startsWith("gone")) return this.answer("550 no such person");
    if (to.startsWith("busy")) return this.answer("450 later");
    this.to.push(to);
    return this.answer("250 ok");
  }

  body(line) {
    if (line !== ".") return void this.data.push(line.startsWith(".") ? line.slice(1) : line);
    say({ from: this.from, to: this.to, user: this.user ?? null, secure: this.isSecure, data: this.data.join("\n") });
    this.forget();
    return this.answer("250 taken as 42");
  }
}

const server =
  given.tls === "implicit"
    ? tls.createServer(pem, (socket) => void new Conversation(socket, true))
    : net.createServer((socket) => void new Conversation(socket, false));
server.on("tlsClientError", () => {});
server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
process.stdin.on("end", () => process.exit(0)).resume();
