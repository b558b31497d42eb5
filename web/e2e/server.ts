/** A server of the real program behind a line that can be cut, and somebody who asks it without a browser. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PROGRAM = process.env["AKAO_PROGRAM"] ?? new URL("../../target/debug/akao", import.meta.url).pathname;

/** A package that needs something of its owner, for the operator to install. */
const MANIFEST = `manifest: 1
id: com.example.enrich
name: Enrich
version: 1.0.0
description: Adds what another system knows of a customer
runtime: { type: shell, command: ./main.sh }
inputs:
  customer: { type: string, required: true, description: Whose }
outputs:
  found: { type: object }
permissions:
  - network.http: { hosts: ["api.example.com:443"] }
effects: read
resources: { memory: 64MB, cpu: 100m, timeout: 30s }
`;

/** How long anything may take here; far more than it takes. */
const WITHIN_MS = 20_000;

export const PASSWORD = "correct horse battery staple";

/** A line between browser and server. */
export class Line {
  private readonly sockets = new Set<Socket>();
  private broken = false;

  private constructor(
    private readonly net: NetServer,
    readonly port: number,
  ) {}

  static async listen(): Promise<Line> {
    const net = createServer();
    net.listen(0, "127.0.0.1");
    await once(net, "listening");
    const found = net.address();
    return new Line(net, typeof found === "object" && found ? found.port : 0);
  }

  /** Leads to a port from now on. */
  to(port: number): void {
    this.net.on("connection", (from) => {
      if (this.broken) {
        from.destroy();
        return;
      }
      const into = connect(port, "127.0.0.1");
      for (const [socket, other] of [
        [from, into],
        [into, from],
      ] as const) {
        this.sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.sockets.delete(socket);
          other.destroy();
        });
      }
      from.pipe(into).pipe(from);
    });
  }

  /** Breaks every connection and lets no new one through. */
  cut(): void {
    this.broken = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.broken = false;
  }

  close(): void {
    this.cut();
    this.net.close();
  }
}

/** The first line that a program prints: where it is. */
export async function firstLine(child: ChildProcess, name: string): Promise<string> {
  if (!child.stdout) throw new Error(`${name} has no output`);
  const { value } = (await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()) as {
    value: string | undefined;
  };
  if (value === undefined) throw new Error(`${name} did not say where it is`);
  return value;
}

/** Runs a command to its end, as whoever sits at the server's machine; gives what it printed. */
async function akao(home: string, ...args: string[]): Promise<string> {
  const child = spawn(PROGRAM, args, {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: home,
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: "", XDG_DATA_HOME: "" },
  });
  const [out, told]: [string[], string[]] = [[], []];
  child.stdout.on("data", (text) => out.push(String(text)));
  child.stderr.on("data", (text) => told.push(String(text)));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`akao ${args.join(" ")} ended with ${code}: ${told.join("")}`);
  return out.join("");
}

function writePackage(folder: string, manifest: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "_.yaml"), manifest);
  writeFileSync(join(folder, "main.sh"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  writeFileSync(join(folder, "LICENSE"), "Do what you like.\n");
  writeFileSync(join(folder, "README.md"), "# Enrich\n");
}

/** Installs the package into a data directory, as its operator does. */
export async function install(folder: string): Promise<void> {
  const source = mkdtempSync(join(tmpdir(), "akao-package-"));
  writePackage(source, MANIFEST);
  await akao(source, "install", source, "--yes", "--data-dir", folder);
  rmSync(source, { recursive: true, force: true });
}

/** A folder with a signed repository that has one package, which a data directory knows until it is removed. */
export class Repository {
  private constructor(
    private readonly home: string,
    private readonly folder: string,
    /** The id of the package. */
    readonly id: string,
  ) {}

  static async make(folder: string, id = "com.example.lookup"): Promise<Repository> {
    const home = mkdtempSync(join(tmpdir(), "akao-publisher-"));
    await akao(home, "key", "new", "me");
    const { fingerprint } = JSON.parse(await akao(home, "repo", "init", "packages", "--json")) as {
      fingerprint: string;
    };
    const trusted = ["--fingerprint", fingerprint, "--vouches", "--data-dir", folder];
    await akao(home, "repo", "add", "own", join(home, "packages"), "--prefix", "com.example", ...trusted);
    return new Repository(home, folder, id);
  }

  /** Publishes a version of the package that asks for these hosts. */
  async publish(version: string, hosts: string[]): Promise<void> {
    const manifest = MANIFEST.replace("version: 1.0.0", `version: ${version}`)
      .replace("com.example.enrich", this.id)
      .replace('["api.example.com:443"]', JSON.stringify(hosts));
    writePackage(join(this.home, "source"), manifest);
    await akao(this.home, "node", "pack", "source", "-o", "package.akao");
    await akao(this.home, "node", "sign", "package.akao");
    await akao(this.home, "node", "publish", "package.akao", "--repo", "packages");
  }

  /** Installs what was published last from its folder, which nobody has signed, with all that it asks for. */
  async installFolder(): Promise<void> {
    await akao(this.home, "install", join(this.home, "source"), "--yes", "--data-dir", this.folder);
  }

  async remove(): Promise<void> {
    await akao(this.home, "repo", "remove", "own", "--data-dir", this.folder);
    rmSync(this.home, { recursive: true, force: true });
  }
}

export interface Asker {
  cookie: string;
  csrf: string;
}

export class Server {
  private constructor(
    private readonly child: ChildProcess,
    readonly folder: string,
    readonly line: Line,
    /** As a browser reaches it. */
    readonly url: string,
    /** The link by which it is set up. */
    readonly setup: string,
    readonly code: string,
  ) {}

  /** Starts it; what is prepared before gives further options. */
  static async start(
    before: (place: { url: string; folder: string }) => Promise<string[]> = async () => [],
  ): Promise<Server> {
    const line = await Line.listen();
    const url = `http://127.0.0.1:${line.port}`;
    const folder = mkdtempSync(join(tmpdir(), "akao-console-"));
    const options = ["serve", "--listen", "127.0.0.1:0", "--json", "--public-url", url, "--data-dir", folder];
    const child = spawn(PROGRAM, [...options, ...(await before({ url, folder }))], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const told = JSON.parse(await firstLine(child, PROGRAM)) as { address: string; setup: string; code: string };
    line.to(Number(told.address.split(":").at(-1)));
    return new Server(child, folder, line, url, told.setup, told.code);
  }

  async stop(): Promise<void> {
    this.line.close();
    if (this.child.exitCode === null) {
      this.child.kill("SIGKILL");
      await once(this.child, "exit");
    }
    // What it had started may still write.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  /** Asks the interface; an answer that is no success is an error. */
  async ask<T = Record<string, unknown>>(
    who: Asker | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        ...(who ? { cookie: who.cookie, "x-csrf-token": who.csrf } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  private async session(path: string, body: unknown): Promise<Asker> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { csrf: string };
    const cookie = response.headers.get("set-cookie")?.split(";")[0];
    if (!response.ok || !cookie) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`);
    return { cookie, csrf: answer.csrf };
  }

  /** Sets the server up: the tenant acme, owned by Ada. */
  setUp(): Promise<Asker> {
    return this.session("/setup", {
      code: this.code,
      tenant: "acme",
      title: "Acme",
      email: "ada@example.com",
      name: "Ada Lovelace",
      password: PASSWORD,
    });
  }

  signIn(email: string): Promise<Asker> {
    return this.session("/session", { email, password: PASSWORD });
  }

  /** Somebody with a role. */
  async member(owner: Asker, role: string): Promise<Asker> {
    const email = `${role}@example.com`;
    const { code } = await this.ask<{ code: string }>(owner, "POST", "/members", { email, role });
    return this.session("/members/join", { code, name: `The ${role}`, password: PASSWORD });
  }

  async save(who: Asker, id: string, source: string): Promise<void> {
    await this.ask(who, "POST", `/workflows/${id}/versions`, { source }, { "if-none-match": "*" });
  }

  async run(who: Asker, workflow: string, more: Record<string, unknown> = {}): Promise<string> {
    const started = await this.ask<{ execution: string }>(who, "POST", "/executions", { workflow, ...more });
    return started.execution;
  }

  /** Waits until an execution has one of these states. */
  async wait(who: Asker, execution: string, ...statuses: string[]): Promise<Record<string, unknown>> {
    const end = Date.now() + WITHIN_MS;
    for (;;) {
      const row = await this.ask<{ status: string }>(who, "GET", `/executions/${execution}`);
      if (statuses.includes(row.status)) return row;
      if (Date.now() > end) throw new Error(`${execution} is ${row.status}, not ${statuses.join(" or ")}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
