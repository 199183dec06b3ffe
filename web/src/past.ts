// GET /v1/history: what was decided, in steps of 1 s, 1 min or 1 h. The server tells at most so many points at once, so
// what is asked for is chosen to stay below.
import { address, getJson } from "./api.ts";

const kPointsMax = 20_000;
const kOutcomes = 3;

export interface History {
  step: string;
  series: { limit: string; outcome: string; points: [time: number, n: number][] }[];
}
export type Step = "1s" | "1m" | "1h";
export const kStepSeconds: Record<string, number> = { "1s": 1, "1m": 60, "1h": 3600 };

/// The finest step in which `seconds` of so many limits can be told.
export function finest(seconds: number, limits: number, from: Step): Step {
  const steps: Step[] = ["1s", "1m", "1h"];
  return steps.slice(steps.indexOf(from)).find((s) => (seconds / kStepSeconds[s]!) * limits * kOutcomes <= kPointsMax) ?? "1h";
}
/// So many of the last seconds can be told second by second.
export const secondsOf = (limits: number) => Math.floor(kPointsMax / (kOutcomes * Math.max(1, limits)));

export function historyOf(query: { limit?: string; from: number; to: number; step: Step }, signal?: AbortSignal): Promise<History> {
  return getJson<History>(address("/v1/history", query), signal);
}

/// What was asked of one limit, second by second, allowed or not; in as many questions as it takes.
export async function askedOf(limit: string, from: number, to: number, signal?: AbortSignal): Promise<[number, number][]> {
  const sums = new Map<number, number>();
  const most = secondsOf(1);
  for (let at = from; at < to; at += most) {
    const { series } = await historyOf({ limit, from: at, to: Math.min(to, at + most), step: "1s" }, signal);
    for (const s of series) for (const [t, n] of s.points) sums.set(t, (sums.get(t) ?? 0) + n);
  }
  return [...sums].sort(([a], [b]) => a - b);
}
