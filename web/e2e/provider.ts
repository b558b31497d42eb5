/** A real OpenID provider in its own process: the certified `oidc-provider`, as the tests of the server have it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { firstLine } from "./server";

/** What the provider is, and where `cargo xtask setup` installs what it needs. */
const SCRIPT = new URL("../../crates/akao/tests/server/provider.mjs", import.meta.url).pathname;
const TOOLS = new URL("../../.tools/oidc-provider", import.meta.url).pathname;

/** Whoever is an admin there is one in the tenant acme. */
const RULES = `[[provider.rule]]
claim = "groups"
value = "admins"
tenant = "acme"
role = "admin"
`;

export class Provider {
  private readonly folder = mkdtempSync(join(tmpdir(), "akao-provider-"));
  private child: ChildProcess | undefined;

  /** Starts it for a server with this address; gives the options by which the server knows it as Corp. */
  async start(url: string): Promise<string[]> {
    this.child = spawn("node", [SCRIPT, TOOLS, `${url}/api/v1/oidc/corp/callback`], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const { issuer } = JSON.parse(await firstLine(this.child, "the provider of `cargo xtask setup`")) as {
      issuer: string;
    };
    const secret = join(this.folder, "secret");
    writeFileSync(secret, "a-secret-of-the-client");
    const file = join(this.folder, "oidc.toml");
    const own = `name = "corp"\ntitle = "Corp"\nissuer = "${issuer}"\nclient_id = "akao"\nclient_secret = "@${secret}"\n`;
    writeFileSync(file, `config = 1\n[[provider]]\n${own}${RULES}`);
    return ["--oidc", file];
  }

  async stop(): Promise<void> {
    if (this.child && this.child.exitCode === null) {
      this.child.kill("SIGKILL");
      await once(this.child, "exit");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
