// Numbers and times for people.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (n: number | bigint) => whole.format(n);
/// At most four or five characters: for tables that move and axes.
export const brief = (n: number) => (Math.abs(n) < 10_000 ? (Math.abs(n) < 10 ? one : whole).format(n) : short.format(n));

export function percent(part: number, all: number): string {
  if (all === 0) return "–";
  const p = (100 * part) / all;
  if (p === 0 || p === 100) return `${p} %`;
  if (p < 0.01) return "< 0.01 %";
  return `${p < 1 ? p.toFixed(2) : p > 99.95 ? "> 99.9" : p.toFixed(1)} %`;
}

const kUnits: [string, number][] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];
/// Two units at most: "1 h 12 min", "3.2 s", "450 ms".
export function duration(seconds: number): string {
  if (seconds === 0) return "0 s";
  if (seconds >= 9.2e9) return "over 292 years";
  if (seconds < 1e-6) return `${Math.ceil(seconds * 1e9)} ns`;
  if (seconds < 1e-3) return `${one.format(seconds * 1e6)} µs`;
  if (seconds < 1) return `${one.format(seconds * 1e3)} ms`;
  if (seconds < 60) return `${one.format(seconds)} s`;
  const i = kUnits.findIndex(([, size]) => seconds >= size);
  const [unit, size] = kUnits[i]!;
  const n = Math.floor(seconds / size);
  const [next, nextSize] = kUnits[i + 1]!;
  const rest = Math.floor((seconds - n * size) / nextSize);
  return `${whole.format(n)} ${unit}${rest > 0 ? ` ${rest} ${next}` : ""}`;
}

export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; ++i) n /= 1000;
  return `${n >= 100 || i === 0 ? whole.format(n) : one.format(n)} ${units[i]}`;
}

const two = (n: number) => String(n).padStart(2, "0");
export function clock(seconds: number): string {
  const d = new Date(seconds * 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}
export function moment(seconds: number): string {
  const d = new Date(seconds * 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(seconds)}`;
}

/// Great round numbers in a quota's text: 10000000/s burst 50000000 is read as 10M/s burst 50M.
export function quotaWords(quota: string): string {
  const scales: [bigint, string][] = [
    [1_000_000_000n, "G"],
    [1_000_000n, "M"],
    [1_000n, "k"],
  ];
  return quota.replace(/\d{5,}/g, (digits) => {
    const n = BigInt(digits);
    const [scale, letter] = scales.find(([s]) => n % s === 0n) ?? [1n, ""];
    return `${n / scale}${letter}`;
  });
}
