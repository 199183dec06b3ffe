// The page's own arithmetic against the server's: `sluice eval`, `sluice simulate`.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { sluice } from "./server.mjs";

const source = (name) => fileURLToPath(new URL(`../src/${name}`, import.meta.url));
const built = await build({
  stdin: {
    contents: ["bucket", "quota", "trial", "access_log"].map((name) => `export * from "./${name}.ts";`).join("\n"),
    resolveDir: source(""),
  },
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
});
const { Bucket, Rate, parseQuota, quotaText, LogReader, tryQuota, fromHistory, pathOf, parseLine } = await import(
  `data:text/javascript;base64,${Buffer.from(built.outputFiles[0].text).toString("base64")}`
);

/// Numbers that are the same in each run.
function* numbers(seed) {
  for (let x = BigInt(seed); ; ) {
    x = (x * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    yield x >> 11n;
  }
}

test("a bucket decides as the server's does", () => {
  const random = numbers(7);
  const below = (n) => random.next().value % n;
  const lines = [];
  const mine = [];
  for (let trial = 0; trial < 200; ++trial) {
    const big = trial % 4 === 0;
    const quota = { capacity: 1n + below(big ? 1n << 40n : 50n), tokens: 1n + below(big ? 1n << 40n : 50n), period: 1n + below(big ? 1n << 45n : 5_000_000_000n) };
    const bucket = new Bucket(new Rate(quota));
    lines.push(`{"op":"new","capacity":${quota.capacity},"tokens":${quota.tokens},"period_ns":${quota.period}}`);
    mine.push({});
    let t = below(1n << 40n);
    for (let i = 0; i < 40; ++i) {
      t += below((4n * quota.period) / quota.tokens + 2n) - (i % 7 === 6 ? quota.period : 0n);
      if (t < 0n) t = 0n;
      const cost = below(quota.capacity < 4n ? 4n : quota.capacity / 2n + (i % 10 === 9 ? quota.capacity : 1n));
      const op = i % 3 === 2 ? "peek" : "take";
      lines.push(`{"op":"${op}","t":${t},"cost":${cost}}`);
      const d = bucket[op](t, cost);
      mine.push({ allowed: d.allowed, remaining: d.remaining, retry_after_ns: d.retryAfter, reset_after_ns: d.resetAfter });
    }
  }
  const answers = execFileSync(sluice, ["eval"], { input: `${lines.join("\n")}\n`, maxBuffer: 1 << 26 }).toString().trim().split("\n");
  assert.equal(answers.length, lines.length);
  let refused = 0;
  answers.forEach((answer, i) => {
    const text = JSON.stringify(mine[i], (_, v) => (typeof v === "bigint" ? `#${v > (1n << 63n) - 1n ? (1n << 63n) - 1n : v}#` : v)).replace(/"#(-?\d+)#"/g, "$1");
    assert.equal(text, answer, `line ${i}: ${lines[i]}`);
    if (answer.includes("false")) ++refused;
  });
  assert.ok(refused > 500 && refused < 7000, `${refused}`);
});

test("many requests of one moment are taken as one after the other", () => {
  const random = numbers(11);
  for (let trial = 0; trial < 300; ++trial) {
    const rate = new Rate({ capacity: 1n + (random.next().value % 20n), tokens: 1n + (random.next().value % 9n), period: 1n + (random.next().value % 3_000_000_000n) });
    const [one, other] = [new Bucket(rate), new Bucket(rate)];
    for (let i = 0n, t = 0n; i < 20n; ++i, t += random.next().value % 2_000_000_000n) {
      const n = random.next().value % 12n;
      let passed = 0n;
      for (let k = 0n; k < n; ++k) if (one.take(t, 1n).allowed) ++passed;
      assert.equal(other.takeEach(t, n), passed);
      assert.equal(other.burstNeeded(), one.burstNeeded());
    }
  }
});

const log = fileURLToPath(new URL("../../examples/nasa_aug95_part.log", import.meta.url));
for (const [quota, by] of [["5/min burst 8", "ip"], ["7/s", "ip"], ["10/h burst 3", "ip"], ["3/7min burst 2", "path"], ["600/min burst 4", "path"]])
  test(`a log is tried as sluice simulate tries it: ${quota}, by ${by}`, () => {
    let out;
    try {
      out = execFileSync(sluice, ["simulate", log, "--quota", quota, "--key", by, "--json", "--top", "20"], { maxBuffer: 1 << 26 });
    } catch (error) {
      assert.equal(error.status, 1); // Somebody would have been refused.
      out = error.stdout;
    }
    const theirs = JSON.parse(out);
    const reader = new LogReader(by);
    const text = readFileSync(log, "latin1");
    for (let at = 0; at < text.length; at += 777) reader.feed(text.slice(at, at + 777));
    const traffic = reader.end();
    assert.deepEqual([traffic.lines, traffic.damaged, traffic.requests, traffic.keys.length], [theirs.input.lines, theirs.input.damaged, theirs.requests, theirs.keys]);
    const mine = tryQuota(traffic, parseQuota(quota), 20);
    const trial = theirs.trials[0];
    assert.deepEqual([mine.refused, mine.keysRefused, Number(mine.burstNeeded)], [trial.refused, trial.keys_refused, trial.smallest_burst[0]]);
    assert.deepEqual(
      mine.worst.map((w) => [w.key, w.requests, w.refused, Number(w.longestWait), Number(w.burstNeeded), w.firstRefusal]),
      trial.worst.map((w) => [w.key, w.requests, w.refused, w.longest_wait_ns, w.smallest_burst, Date.parse(w.first_refusal) / 1000]),
    );
    const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
    assert.equal(sum(mine.allowedAt) + sum(mine.refusedAt), mine.requests);
    assert.equal(sum(mine.refusedAt), mine.refused);
  });

test("a quota's text is read as the server reads it", () => {
  for (const [text, canonical] of [
    ["10/s", "10/s"],
    [" 600 / min  burst 50 ", "600/min burst 50"],
    ["10MB/s burst 50MB", "10000000/s burst 50000000"],
    ["1Ki/2h", "1024/2h"],
    ["5/hours burst 5", "5/h"],
    ["100/30s", "100/30s"],
    ["7/60s", "7/min"],
  ])
    assert.equal(quotaText(parseQuota(text)), canonical);
  for (const text of ["", "10", "ten/s", "-1/s", "1.5/s", "10/fortnight", "0/s", "10/0s", "10/s burst 0", "10/s bust 5", "1X/s", "9223372036854775808/s"])
    assert.throws(() => parseQuota(text), Error, text);
});

test("lines of a log", () => {
  const line = (time, rest = '"GET / HTTP/1.0" 200 5') => `h - u ${time} ${rest}`;
  assert.equal(parseLine(line("[01/Jan/1970:00:00:59 +0000]")).second, 59);
  assert.equal(parseLine(line("[01/Jan/1970:01:00:00 +0100]")).second, 0);
  assert.equal(parseLine(line("[29/Feb/2024:00:00:00 +0000]")).second, 1709164800);
  assert.equal(parseLine(line("[01/Jan/1970:00:00:01 +0000]", '"GET /"a" HTTP/1.0" 404 - "-" "agent"')).request, 'GET /"a" HTTP/1.0');
  for (const bad of ["", "x", line("[30/Feb/2024:00:00:00 +0000]"), line("[01/Jan/1970:24:00:00 +0000]"), line("[01/Foo/1970:00:00:00 +0000]"), line("[01/Jan/1970:00:00:01 +0000]", '"GET /" 2 5')])
    assert.equal(parseLine(bad), undefined, bad);
  assert.deepEqual(["GET /a?b HTTP/1.1", "GET http://h/x#y HTTP/1.0", "GET http://h HTTP/1.0", "-", "GET"].map(pathOf), ["/a", "/x", "/", "-", "-"]);
});

test("a history is one bucket", () => {
  const result = tryQuota(fromHistory([[100, 5], [101, 0], [102, 9]]), parseQuota("1/s burst 4"));
  assert.deepEqual([result.requests, result.refused, Number(result.burstNeeded)], [14, 8, 12]);
});
