// What a quota would have done to what came: the requests of a log key by key, or a limit's history as one bucket.
import { Bucket, Rate } from "./bucket.ts";
import { keyOf, parseLine, type KeyName } from "./access_log.ts";
import type { Quota } from "./quota.ts";

/// What came, in the order of time: `n` requests of one key in one second.
export interface Traffic {
  keys: string[];
  seconds: number[]; // Since 1970; never going back.
  key: number[]; // Index into keys.
  n: number[];
  requests: number;
  lines: number;
  damaged: number;
  withoutKey: number;
  late: number; // Lines out of order: they count at the latest time seen.
}
export const noTraffic = (): Traffic => ({ keys: [], seconds: [], key: [], n: [], requests: 0, lines: 0, damaged: 0, withoutKey: 0, late: 0 });

/// Reads lines as they come; `feed` may be given a log in any pieces.
export class LogReader {
  readonly traffic = noTraffic();
  #index = new Map<string, number>();
  #rest = "";
  #last = -1;
  #by: KeyName;
  constructor(by: KeyName) {
    this.#by = by;
  }
  feed(text: string) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
  }
  end(): Traffic {
    if (this.#rest) this.#line(this.#rest);
    this.#rest = "";
    return this.traffic;
  }
  #line(text: string) {
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    const t = this.traffic;
    if (!line) return;
    ++t.lines;
    const entry = parseLine(line);
    if (!entry) return void ++t.damaged;
    const name = keyOf(entry, this.#by);
    if (!name) return void ++t.withoutKey;
    if (entry.second < this.#last) ++t.late;
    else this.#last = entry.second;
    let key = this.#index.get(name);
    if (key === undefined) this.#index.set(name, (key = t.keys.push(name) - 1));
    ++t.requests;
    t.seconds.push(this.#last);
    t.key.push(key);
    t.n.push(1);
  }
}

/// A limit's history: whoever asked is one key, since a history has no keys.
export function fromHistory(points: [number, number][]): Traffic {
  const t = noTraffic();
  t.keys.push("all keys together");
  for (const [second, n] of points) {
    if (n <= 0) continue;
    t.seconds.push(second);
    t.key.push(0);
    t.n.push(n);
    t.requests += n;
  }
  return t;
}

export interface KeyResult {
  key: string;
  requests: number;
  refused: number;
  firstRefusal: number;
  longestWait: bigint; // Nanoseconds.
  burstNeeded: bigint;
}
export interface Result {
  requests: number;
  refused: number;
  keys: number;
  keysRefused: number;
  burstNeeded: bigint;
  worst: KeyResult[];
  step: number; // Seconds.
  times: number[];
  allowedAt: number[];
  refusedAt: number[];
}

const kSteps = [1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 10_800, 21_600, 86_400, 604_800];
const kIntervals = 240;

export function tryQuota(traffic: Traffic, quota: Quota, most = 20): Result {
  const rate = new Rate(quota);
  const buckets = traffic.keys.map(() => new Bucket(rate));
  const results: KeyResult[] = traffic.keys.map((key) => ({ key, requests: 0, refused: 0, firstRefusal: -1, longestWait: 0n, burstNeeded: 0n }));
  const first = traffic.seconds[0] ?? 0;
  const span = (traffic.seconds.at(-1) ?? 0) - first + 1;
  const step = kSteps.find((s) => span / s <= kIntervals) ?? kSteps.at(-1)!;
  const begin = Math.floor(first / step) * step;
  const length = traffic.seconds.length === 0 ? 0 : Math.floor((first + span - 1 - begin) / step) + 1;
  const allowedAt = new Array<number>(length).fill(0);
  const refusedAt = new Array<number>(length).fill(0);
  let refused = 0;
  for (let i = 0; i < traffic.seconds.length; ++i) {
    const second = traffic.seconds[i]!;
    const [at, n] = [traffic.key[i]!, traffic.n[i]!];
    const bucket = buckets[at]!;
    const result = results[at]!;
    const now = BigInt(second) * 1_000_000_000n;
    const passed = Number(bucket.takeEach(now, BigInt(n)));
    const interval = Math.floor((second - begin) / step);
    result.requests += n;
    allowedAt[interval]! += passed;
    if (passed === n) continue;
    refused += n - passed;
    refusedAt[interval]! += n - passed;
    result.refused += n - passed;
    if (result.firstRefusal < 0) result.firstRefusal = second;
    const wait = bucket.peek(now, 1n).retryAfter ?? 0n;
    if (wait > result.longestWait) result.longestWait = wait;
  }
  let burstNeeded = 0n;
  results.forEach((r, i) => {
    r.burstNeeded = buckets[i]!.burstNeeded();
    if (r.burstNeeded > burstNeeded) burstNeeded = r.burstNeeded;
  });
  const hit = results.filter((r) => r.refused > 0);
  return {
    requests: traffic.requests,
    refused,
    keys: traffic.keys.length,
    keysRefused: hit.length,
    burstNeeded,
    worst: hit.sort((a, b) => b.refused - a.refused || b.requests - a.requests).slice(0, most),
    step,
    times: allowedAt.map((_, i) => begin + i * step),
    allowedAt,
    refusedAt,
  };
}
