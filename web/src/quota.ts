// "10/min burst 20", as include/sluice/quota.h reads it. Whole numbers only.
export interface Quota {
  capacity: bigint;
  tokens: bigint;
  period: bigint; // Nanoseconds.
}

const kScales: Record<string, bigint> = {
  "": 1n,
  k: 1_000n,
  K: 1_000n,
  M: 1_000_000n,
  G: 1_000_000_000n,
  T: 1_000_000_000_000n,
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
};
/// The longest first: text() takes the first that fits.
const kPeriods: [bigint, string, ...string[]][] = [
  [604_800_000_000_000n, "week", "w"],
  [86_400_000_000_000n, "day", "d"],
  [3_600_000_000_000n, "h", "hour", "hr"],
  [60_000_000_000n, "min", "m", "minute"],
  [1_000_000_000n, "s", "sec", "second"],
  [1_000_000n, "ms", "millisecond"],
  [1_000n, "us", "µs", "microsecond"],
  [1n, "ns", "nanosecond"],
];
const kMax = (1n << 63n) - 1n;

function amount(digits: string, unit: string): bigint {
  const scale = kScales[unit.endsWith("B") ? unit.slice(0, -1) : unit];
  if (scale === undefined) throw new Error(`unknown unit '${unit}': use k, M, G, T, Ki, Mi, Gi or Ti, with or without B`);
  return BigInt(digits) * scale;
}

/// Throws an Error that says what would be right.
export function parseQuota(text: string): Quota {
  const parts = /^\s*(\d+)\s*([A-Za-z]*)\s*\/\s*(\d*)\s*([A-Za-zµ]*)\s*(?:burst\s*(\d+)\s*([A-Za-z]*)\s*)?$/.exec(text);
  if (!parts) throw new Error("expected tokens, a period and maybe a burst, as in 10/s or 600/min burst 50");
  const [, digits, unit, times, name, burst, burstUnit] = parts as unknown as string[];
  const found = (n: string) => kPeriods.find(([, ...names]) => names.includes(n));
  const period = found(name!) ?? (name!.length > 2 && name!.endsWith("s") ? found(name!.slice(0, -1)) : undefined);
  if (!period) throw new Error(`unknown period '${name}': use ns, us, ms, s, min, h, day or week, as in 10/s or 100/30s`);
  const tokens = amount(digits!, unit!);
  const quota = {
    tokens,
    period: period[0] * (times ? BigInt(times) : 1n),
    capacity: burst === undefined ? tokens : amount(burst, burstUnit!),
  };
  for (const [what, n] of Object.entries(quota)) {
    if (n < 1n) throw new Error(`${what} must be at least 1`);
    if (n > kMax) throw new Error(`${what} is above 2^63-1`);
  }
  return quota;
}

export function quotaText({ capacity, tokens, period }: Quota): string {
  const [ns, name] = kPeriods.find(([n]) => period % n === 0n)!;
  const times = period / ns;
  return `${tokens}/${times === 1n ? "" : times}${name}${capacity === tokens ? "" : ` burst ${capacity}`}`;
}
