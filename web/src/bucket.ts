// The token bucket of the server, in whole numbers without bound: include/sluice/ticks.h says why this is exact. A
// nanosecond is `perNs` ticks and a token `perToken`; the whole state is how far ahead of now the bucket is full.
//
// Tested against `sluice eval`: tests/web/bucket.test.mjs.
import type { Quota } from "./quota.ts";

export interface Decision {
  allowed: boolean;
  remaining: bigint;
  retryAfter: bigint | null; // Nanoseconds, rounded up; null: it can never pass.
  resetAfter: bigint;
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}
const up = (a: bigint, b: bigint) => (a + b - 1n) / b;

export class Rate {
  readonly perToken: bigint;
  readonly perNs: bigint;
  readonly full: bigint;
  readonly quota: Quota;
  constructor(quota: Quota) {
    const g = gcd(quota.tokens, quota.period);
    this.quota = quota;
    this.perToken = quota.period / g;
    this.perNs = quota.tokens / g;
    this.full = quota.capacity * this.perToken;
  }
}

export class Bucket {
  #rate: Rate;
  #now = 0n;
  #ahead = 0n; // Ticks until full, at #now.
  #debt = 0n; // The same, had every request been charged.
  #depth = 0n; // The most that #debt has been.

  constructor(rate: Rate) {
    this.#rate = rate;
  }
  /// Time never goes back: one before the latest counts as the latest.
  #come(now: bigint) {
    if (now <= this.#now) return;
    const gained = (now - this.#now) * this.#rate.perNs;
    this.#now = now;
    this.#ahead = gained >= this.#ahead ? 0n : this.#ahead - gained;
    this.#debt = gained >= this.#debt ? 0n : this.#debt - gained;
  }
  #tell(allowed: boolean, over: bigint, cost: bigint): Decision {
    const { full, perToken, perNs, quota } = this.#rate;
    return {
      allowed,
      remaining: (full - this.#ahead) / perToken,
      retryAfter: allowed ? 0n : cost > quota.capacity ? null : up(over, perNs),
      resetAfter: up(this.#ahead, perNs),
    };
  }
  take(now: bigint, cost: bigint): Decision {
    this.#come(now);
    const { full, perToken } = this.#rate;
    const next = this.#ahead + cost * perToken;
    this.#debt += cost * perToken;
    if (this.#debt > this.#depth) this.#depth = this.#debt;
    const allowed = next <= full;
    if (allowed) this.#ahead = next;
    return this.#tell(allowed, next - full, cost);
  }
  /// Says what take would; takes nothing.
  peek(now: bigint, cost: bigint): Decision {
    this.#come(now);
    const { full, perToken } = this.#rate;
    const next = this.#ahead + cost * perToken;
    return this.#tell(next <= full, next - full, cost);
  }
  /// `n` requests of cost 1 at one moment: how many pass.
  takeEach(now: bigint, n: bigint): bigint {
    this.#come(now);
    const { full, perToken } = this.#rate;
    this.#debt += n * perToken;
    if (this.#debt > this.#depth) this.#depth = this.#debt;
    const free = (full - this.#ahead) / perToken;
    const passed = n < free ? n : free;
    this.#ahead += passed * perToken;
    return passed;
  }
  /// The smallest burst at this rate that would have refused nobody so far.
  burstNeeded(): bigint {
    return up(this.#depth, this.#rate.perToken);
  }
}
