// Small things that several views share.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { address, getJson, Refusal, useAsked } from "./api.ts";

export interface QuotaShown {
  quota: string;
  policy: string;
  capacity: number;
  tokens: number;
  period: number;
}
export interface LimitShown {
  name: string;
  quotas: QuotaShown[];
  unit: string;
  mode: "enforce" | "shadow";
}
export const useLimits = () => useAsked(address("/v1/limits"), (url, signal) => getJson<{ limits: LimitShown[] }>(url, signal), 10_000);

export function Card(props: { title: string; aside?: ComponentChildren; children: ComponentChildren; class?: string }) {
  return (
    <section class={`card ${props.class ?? ""}`}>
      <header>
        <h2>{props.title}</h2>
        {props.aside && <div class="aside">{props.aside}</div>}
      </header>
      {props.children}
    </section>
  );
}
export function Empty(props: { children: ComponentChildren }) {
  return <p class="empty">{props.children}</p>;
}
export function Failure({ error }: { error?: Error }) {
  if (!error) return null;
  const status = error instanceof Refusal ? error.status : 0;
  if (status === 401) return <p class="empty">Give a token to see this.</p>;
  return (
    <p class="failure" role="alert">
      {error.message}
    </p>
  );
}

/// A field with the names that there are; others may be typed as well.
export function LimitField(props: { value: string; onChange: (name: string) => void; all?: string }) {
  const { data } = useLimits();
  const names = data?.limits.map((l) => l.name) ?? [];
  if (props.value && !names.includes(props.value)) names.push(props.value);
  return (
    <label class="field">
      <span>Limit</span>
      <select value={props.value} onChange={(e) => props.onChange(e.currentTarget.value)}>
        {props.all !== undefined ? <option value="">{props.all}</option> : !props.value && <option value="">choose…</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Choice<T extends string>(props: { label: string; value: T; of: readonly (readonly [T, string, ...unknown[]])[]; onChange: (value: T) => void }) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.of.map(([value, text]) => (
        <button key={value} type="button" aria-pressed={value === props.value} onClick={() => props.onChange(value)}>
          {text}
        </button>
      ))}
    </div>
  );
}

/// A part of a whole as a bar.
export function Bar({ part, all, tone = "refuse" }: { part: number; all: number; tone?: string }) {
  const width = all > 0 ? Math.max(part > 0 ? 1 : 0, (100 * part) / all) : 0;
  return (
    <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="ground" width="100" height="6" />
      <rect class={tone} width={width} height="6" />
    </svg>
  );
}

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const copy = () =>
    void navigator.clipboard?.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    });
  return (
    <button type="button" class="quiet" onClick={copy}>
      {done ? "copied" : "copy"}
    </button>
  );
}
