// A server that is set up and busy, to look at: a workflow that runs for a while, asks a person and goes on. Ends with Ctrl-C.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PROGRAM = process.env.AKAO_PROGRAM ?? new URL("../../target/debug/akao", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "akao-demo-"));
const password = `demo ${randomBytes(8).toString("hex")}`;

// Slower than in the pictures, so that somebody can watch it.
const RELEASE = readFileSync(new URL("../e2e/release.yaml", import.meta.url), "utf8").replace(
  "waitMs: 120",
  "waitMs: 8000",
);

const server = spawn(PROGRAM, ["serve", "--listen", "127.0.0.1:0", "--json", "--data-dir", folder], {
  stdio: ["ignore", "pipe", "ignore"],
});
process.on("SIGINT", () => server.kill("SIGTERM"));
process.on("SIGTERM", () => server.kill("SIGTERM"));
server.on("exit", (code) => {
  rmSync(folder, { recursive: true, force: true });
  process.exit(code ?? 0);
});

const { value } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
const { url, code } = JSON.parse(value);
let session = {};

async function ask(path, body, headers = {}) {
  const response = await fetch(`${url}/api/v1${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...session, ...headers },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${answer.detail}`);
  const cookie = response.headers.get("set-cookie")?.split(";")[0];
  if (cookie) session = { cookie, "x-csrf-token": answer.csrf };
  return answer;
}

await ask("/setup", { code, tenant: "acme", title: "Acme", email: "ada@example.com", name: "Ada Lovelace", password });
await ask("/workflows/nightly-release/versions", { source: RELEASE }, { "if-none-match": "*" });
const { execution } = await ask("/executions", { workflow: "nightly-release" });
console.log(`An execution is under way:

  ${url}/executions/${execution}

Sign in as ada@example.com with the password: ${password}
Ctrl-C ends the server and removes what it wrote.`);
