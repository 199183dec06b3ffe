// A server for the tests: `sluice serve` on a free port, and a little traffic.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const sluice = process.env.SLUICE;

const kLimits = `limits:
  api: {quotas: [1000/s burst 2000, 1000000/h]}
  login: {quota: 2/min burst 3}
  upload: {quota: 10MB/s burst 50MB, on: bytes}
  search: {quota: 1/min burst 1, mode: shadow}
`;
const kPolicies = `domain: shop
descriptors:
  - key: user
    rate_limit: {unit: second, requests_per_unit: 100}
  - key: user
    value: blocked
    rate_limit: {unit: hour, requests_per_unit: 0}
`;
export const tokens = { see: "a-token-that-may-see", take: "a-token-that-may-take" };

/// A redis-server of the tests' own, which can be stopped as if it hung.
export class Redis {
  static async start() {
    const self = new Redis();
    self.folder = mkdtempSync(join(tmpdir(), "sluice-ui-redis-"));
    const socket = join(self.folder, "s");
    self.url = `redis+unix://${socket}`;
    self.process = spawn("redis-server", ["--port", "0", "--unixsocket", socket, "--dir", self.folder, "--save", ""], { stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface({ input: self.process.stdout })) if (/accept connections/.test(line)) break;
    self.process.stdout.resume();
    return self;
  }
  hang = () => this.process.kill("SIGSTOP");
  wake = () => this.process.kill("SIGCONT");
  end = () => ended(this);
}

async function ended({ process, folder }) {
  if (process.exitCode === null) {
    process.kill("SIGKILL");
    await new Promise((done) => process.once("exit", done));
  }
  rmSync(folder, { recursive: true });
}

export class Server {
  static async start({ guarded = false, http = "127.0.0.1:0", bare = false, store = "" } = {}) {
    const self = new Server();
    self.folder = mkdtempSync(join(tmpdir(), "sluice-ui-"));
    const write = (name, text) => self.write(name, text);
    const options = ["serve", "--resp", "none", "--grpc", "none", "--http", http];
    if (!bare) options.push("--limits", write("limits.yaml", kLimits), "--policies", write("policies.yaml", kPolicies), "--history", join(self.folder, "history.db"));
    if (store) options.push("--store", store, "--store-deadline", "200ms");
    if (guarded) {
      const hash = (token) => createHash("sha256").update(token).digest("hex");
      options.push("--tokens", write("tokens.yaml", `tokens:\n  see: {sha256: "${hash(tokens.see)}", roles: [inspect]}\n  take: {sha256: "${hash(tokens.take)}", roles: [take]}\n`));
    }
    self.process = spawn(sluice, options, { cwd: self.folder, stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface({ input: self.process.stdout })) {
      const found = /^sluice: http listening on (.+)$/.exec(line);
      if (found) self.address = found[1];
      if (line === "sluice: ready") break;
    }
    if (!self.address) throw new Error("the server did not start");
    self.base = `http://${self.address}`;
    return self;
  }
  write(name, text) {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }
  /// Of one of its files, as it lies there now.
  version(name) {
    return createHash("sha256").update(readFileSync(join(this.folder, name))).digest("hex").slice(0, 12);
  }
  async take(limit, key, n = 1) {
    const body = JSON.stringify({ requests: Array.from({ length: n }, () => ({ limit, key })) });
    const response = await fetch(`${this.base}/v1/take`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return response.json();
  }
  /// Some takes ten times a second, until the function that it gives is called.
  traffic() {
    let last = Promise.resolve();
    const timer = setInterval(() => {
      last = Promise.all([this.take("api", "alice", 5), this.take("api", "bob", 2), this.take("login", "mallory", 2)]).catch(() => undefined);
    }, 100);
    return async () => (clearInterval(timer), last);
  }
  end = () => ended(this);
}
