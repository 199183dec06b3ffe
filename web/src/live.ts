// GET /v1/live: an event a second with the server's counters, kept as rates for some minutes.
//
// Read by fetch and not by EventSource, which cannot send a token.
import { access, address, ask, Refusal } from "./api.ts";
import { Cell } from "./cell.ts";
import { historyOf, secondsOf } from "./past.ts";

export interface Counts {
  allowed: number;
  refused: number;
  never: number; // Cost more than the capacity.
}
export interface DoorNumbers {
  connections: number;
  accepted: number;
  refused: number;
  requests: number;
  bytes_in: number;
  bytes_out: number;
}
export interface StoreNumbers {
  kind: "local" | "shared";
  state: "up" | "away";
  degraded: number;
  instances?: number;
  asks?: Record<string, number>;
}
/// One event, as sent: all counts are since the start.
export interface Told {
  time: number;
  started: number;
  ready: boolean;
  limits: Record<string, Counts>;
  doors: Record<string, DoorNumbers>;
  store: StoreNumbers;
  table: { keys: number; max_keys: number; evictions: number };
  memory_bytes: number;
}

/// What one second, or a gap of several, had a second.
export interface Second {
  time: number;
  rates: Map<string, [allowed: number, refused: number]>;
}
export type Line = "joining" | "live" | "lost" | "waiting" | "absent";
export interface Live {
  line: Line;
  why?: string;
  told?: Told;
  before?: Told;
  storeSince?: number; // When the store was seen to go or to come back.
  seconds: Second[]; // The oldest first.
}
export const kKept = 300;

export const live = new Cell<Live>({ line: "joining", seconds: [] });

const rate = (now: number, before: number | undefined, took: number) => Math.max(0, now - (before ?? 0)) / took;

export function secondOf(told: Told, before: Told): Second | undefined {
  const took = told.time - before.time;
  if (took <= 0 || told.started !== before.started) return undefined; // Another process: its counts began anew.
  const rates: Second["rates"] = new Map();
  for (const [name, now] of Object.entries(told.limits)) {
    const then = before.limits[name];
    rates.set(name, [rate(now.allowed, then?.allowed, took), rate(now.refused + now.never, then && then.refused + then.never, took)]);
  }
  return { time: told.time, rates };
}

export function sum(second: Second | undefined, limit: string): [number, number] {
  if (!second) return [0, 0];
  if (limit) return second.rates.get(limit) ?? [0, 0];
  let [a, r] = [0, 0];
  for (const [allowed, refused] of second.rates.values()) [a, r] = [a + allowed, r + refused];
  return [a, r];
}

function take(told: Told) {
  const { told: before, seconds } = live.value;
  const next = before && secondOf(told, before);
  const kept = seconds.filter((s) => s.time > told.time - kKept);
  const storeSince = before && before.store.state !== told.store.state ? told.time : live.value.storeSince;
  live.value = { line: "live", told, before, storeSince, seconds: next ? [...kept, next] : kept };
}

/// The minutes before the page was opened, where the server keeps a history.
async function recall(until: number, limits: number) {
  const from = Math.floor(until - Math.min(kKept, secondsOf(limits)));
  const history = await historyOf({ from, to: Math.floor(until), step: "1s" });
  const at = new Map<number, Second["rates"]>();
  for (let t = from; t < Math.floor(until); ++t) at.set(t, new Map());
  for (const { limit, outcome, points } of history.series)
    for (const [t, n] of points) {
      const rates = at.get(t);
      if (!rates) continue;
      const pair = rates.get(limit) ?? [0, 0];
      pair[outcome === "allowed" ? 0 : 1] += n;
      rates.set(limit, pair);
    }
  const known = live.value.seconds[0]?.time ?? until;
  // A point of t is what was decided from t to t + 1.
  const past = [...at].map(([t, rates]) => ({ time: t + 1, rates })).filter((s) => s.time < known);
  live.value = { ...live.value, seconds: [...past, ...live.value.seconds] };
}

async function listen(signal: AbortSignal) {
  const response = await ask(address("/v1/live"), { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop()!;
    for (const event of events)
      for (const line of event.split("\n")) {
        if (!line.startsWith("data: ")) continue;
        const first = live.value.told === undefined;
        const told = JSON.parse(line.slice(6)) as Told;
        take(told);
        if (first) recall(told.time, Object.keys(told.limits).length).catch(() => undefined); // No history is no harm here.
      }
  }
}

let current = new AbortController();
async function stay(signal: AbortSignal) {
  for (let pause = 1; !signal.aborted; pause = Math.min(pause * 2, 8)) {
    try {
      await listen(signal);
      pause = 1;
      live.value = { ...live.value, line: "lost", why: "The server ended the connection." };
    } catch (error) {
      if (signal.aborted) return;
      const status = error instanceof Refusal ? error.status : 0;
      const line: Line = status === 401 ? "waiting" : status === 404 || status === 403 ? "absent" : "lost";
      live.value = { ...live.value, line, why: (error as Error).message };
      if (line !== "lost") return;
    }
    await new Promise((done) => setTimeout(done, pause * 1000));
  }
}

/// Begins, and begins again with each new token.
export function follow() {
  let sent = -1;
  const begin = () => {
    if (access.value.sent === sent) return;
    sent = access.value.sent;
    current.abort();
    current = new AbortController();
    live.value = { line: "joining", seconds: [] };
    void stay(current.signal);
  };
  access.follow(begin);
  begin();
}
