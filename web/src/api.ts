// The server's routes. What it refuses becomes a Refusal with its own words; a missing or wrong token opens the
// page's question for one (token.tsx).
import { useEffect, useRef, useState } from "preact/hooks";
import { Cell, useCell } from "./cell.ts";

export class Refusal extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

const kToken = "sluice-token";
/// asked: none is known; refused: the one that was sent is not good. `sent` moves with each one given.
export type Access = { state: "open" | "asked" | "refused"; sent: number };
export const access = new Cell<Access>({ state: "open", sent: 0 });

export function giveToken(token: string) {
  sessionStorage.setItem(kToken, token);
  access.value = { state: "open", sent: access.value.sent + 1 };
}
export function forgetToken() {
  sessionStorage.removeItem(kToken);
  access.value = { state: "open", sent: access.value.sent + 1 };
}
export const hasToken = () => sessionStorage.getItem(kToken) !== null;

/// The page is /ui and the routes are its neighbours, also behind a proxy that puts a path in front.
export function address(path: string, query: Record<string, string | number | undefined> = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return path.slice(1) + (search && `?${search}`);
}

export async function ask(url: string, options: RequestInit = {}): Promise<Response> {
  const token = sessionStorage.getItem(kToken);
  const headers = new Headers(options.headers);
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(url, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refusal(0, "The server does not answer.");
  }
  if (response.ok) return response;
  // Another token may have been given while this one was on its way.
  if (response.status === 401 && token === sessionStorage.getItem(kToken))
    access.value = { ...access.value, state: token === null ? "asked" : "refused" };
  throw new Refusal(response.status, await detailOf(response));
}

async function detailOf(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  try {
    const problem = JSON.parse(text) as { detail?: unknown };
    if (typeof problem.detail === "string") return problem.detail;
  } catch {
    // Not JSON: a proxy's page, for instance.
  }
  return `${response.status} ${response.statusText}`;
}

export async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  return (await (await ask(url, { signal })).json()) as T;
}

export interface Asked<T> {
  data?: T; // The last good answer, kept while the next is on its way.
  error?: Error;
}

/// Asks at once, when `key` changes, and, with `every`, again so many ms after each answer while the page is seen.
/// An empty key asks nothing.
export function useAsked<T>(key: string, get: (key: string, signal: AbortSignal) => Promise<T>, every = 0): Asked<T> {
  const [answer, setAnswer] = useState<Asked<T> & { key: string }>({ key });
  const { sent } = useCell(access);
  const latest = useRef(get);
  latest.current = get;
  useEffect(() => {
    if (!key) return setAnswer({ key });
    const stop = new AbortController();
    let timer = 0;
    const go = async () => {
      try {
        if (!document.hidden || every === 0) {
          const data = await latest.current(key, stop.signal);
          if (!stop.signal.aborted) setAnswer({ key, data });
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        setAnswer((before) => ({ key, data: before.key === key ? before.data : undefined, error: error as Error }));
        if (error instanceof Refusal && error.status === 401) return; // A token starts it again.
      }
      if (every > 0 && !stop.signal.aborted) timer = window.setTimeout(go, every);
    };
    void go();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key, every, sent]);
  return answer.key === key ? answer : {};
}
