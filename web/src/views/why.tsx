// One key now: its buckets from now to full, what would pass, why it was refused lately.
import { useEffect, useMemo, useState } from "preact/hooks";
import { address, getJson, useAsked } from "../api.ts";
import { Chart } from "../chart.tsx";
import { clock, count, duration, quotaWords } from "../format.ts";
import { Bar, Card, Empty, Failure, LimitField } from "../parts.tsx";
import { link, refine, usePlace } from "../route.ts";

interface Why {
  limit: string;
  key: string;
  mode: "enforce" | "shadow";
  allowed: boolean;
  quota_index: number;
  retry_after: number;
  quotas: { quota: string; capacity: number; remaining: number; reset_after: number; store: string; level: [seconds: number, tokens: number][] }[];
  passes: { cost: number; after: number | null }[];
  refusals: { time: number; cost: number; wait: number | null; quota_index: number; store: string; stands_for: number }[] | null;
}
const kStores: Record<string, string> = {
  local: "this server's bucket",
  shared: "the shared store",
  remembered: "a refusal of the shared store, remembered",
  leased: "tokens charged ahead",
  degraded: "decided without the store, which is away",
};

export function WhyView() {
  const { query } = usePlace();
  const [limit, key] = [query.get("limit") ?? "", query.get("key") ?? ""];
  const [typed, setTyped] = useState(key);
  useEffect(() => setTyped(key), [key]);
  const asked = query.has("key") && limit !== "";
  const { data, error } = useAsked(asked ? address("/v1/why", { limit, key }) : "", (url, signal) => getJson<Why>(url, signal), 1000);
  return (
    <div class="view">
      <form
        class="fields"
        onSubmit={(e) => {
          e.preventDefault();
          refine({ key: typed });
        }}
      >
        <LimitField value={limit} onChange={(l) => refine({ limit: l })} />
        <label class="field grow">
          <span>Key</span>
          <input class="mono" value={typed} onInput={(e) => setTyped(e.currentTarget.value)} placeholder="whom the bucket counts: a user, an address, a tenant" required spellcheck={false} autocapitalize="off" />
        </label>
        <button class="primary">Explain</button>
      </form>
      <Failure error={error} />
      {!asked && (
        <Empty>
          Name a limit and a key to see its buckets, and why it was refused. The <a href={link("keys", { by: "refused", limit })}>keys that are refused most</a> lead here.
        </Empty>
      )}
      {data && <Answer why={data} />}
    </div>
  );
}

function Answer({ why }: { why: Why }) {
  const decides = why.quotas[why.quota_index];
  return (
    <>
      <section class={`card answer-now ${why.allowed ? "" : "no"}`} aria-live="polite">
        <b data-answer>{why.allowed ? "A request would pass now." : `Refused for another ${duration(why.retry_after)}.`}</b>{" "}
        <span class="muted">
          {decides && (why.allowed ? `${quotaWords(decides.quota)} has the fewest tokens left.` : `${quotaWords(decides.quota)} has too few tokens.`)}
          {why.mode === "shadow" && " The limit is in shadow mode: it refuses nobody."}
        </span>
      </section>
      <div class="quotas">
        {why.quotas.map((q, i) => (
          <Level key={i} of={q} decides={why.quotas.length > 1 && i === why.quota_index} />
        ))}
      </div>
      <div class="pair">
        <Refusals why={why} />
        <Card title="What would pass">
          <dl class="facts">
            {why.passes.map((p) => (
              <div key={p.cost}>
                <dt>
                  {count(p.cost)} {p.cost === 1 ? "token" : "tokens"}
                </dt>
                <dd class={p.after === 0 ? "now" : ""}>{p.after === null ? "never" : p.after === 0 ? "now" : `in ${duration(p.after)}`}</dd>
              </div>
            ))}
          </dl>
          <p class="note">If nobody else takes from the bucket meanwhile.</p>
        </Card>
      </div>
    </>
  );
}

function Level({ of: q, decides }: { of: Why["quotas"][number]; decides: boolean }) {
  const full = q.reset_after === 0;
  const { times, curves } = useMemo(() => {
    // A full bucket stays so: a line to look at, all the same.
    const points: [number, number][] = full ? [[0, q.capacity], [1, q.capacity]] : q.level.filter(([t], i) => i === 0 || t > q.level[i - 1]![0]);
    return { times: points.map(([t]) => t), curves: [{ label: "tokens", colour: "allow", fill: true, values: points.map(([, n]) => n) }] };
  }, [JSON.stringify(q)]);
  return (
    <Card title={quotaWords(q.quota)} aside={decides ? <span class="tag">decides</span> : undefined}>
      <p class="level">
        <b>{count(q.remaining)}</b> <span class="muted">of {count(q.capacity)} left, {full ? "full" : `full in ${duration(q.reset_after)}`}</span>
      </p>
      <Bar part={q.remaining} all={q.capacity} tone="allow" />
      {!full && <Chart label={`Tokens from now until full, in ${duration(q.reset_after)}`} times={times} curves={curves} height={130} max={q.capacity * 1.08} relative={(s) => (s === 0 ? "now" : `+${duration(s)}`)} />}
      <p class="note">{kStores[q.store] ?? q.store}</p>
    </Card>
  );
}

function Refusals({ why }: { why: Why }) {
  const rows = why.refusals;
  return (
    <Card title="Refused lately">
      {rows === null && <Empty>This server remembers no refusals: its setting top_keys is 0.</Empty>}
      {rows?.length === 0 && <Empty>Not that this server remembers.</Empty>}
      {rows && rows.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>at</th>
                <th class="number">asked for</th>
                <th class="number">told to wait</th>
                <th>quota</th>
                <th class="wide-only">by</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((r, i) => (
                <tr key={i}>
                  <td>
                    {clock(r.time)}
                    {r.stands_for > 1 && <span class="muted"> × {count(r.stands_for)}</span>}
                  </td>
                  <td class="number">{count(r.cost)}</td>
                  <td class="number">{r.wait === null ? "never passes" : duration(r.wait)}</td>
                  <td class="muted">{quotaWords(why.quotas[r.quota_index]?.quota ?? "–")}</td>
                  <td class="wide-only muted">{r.store}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
