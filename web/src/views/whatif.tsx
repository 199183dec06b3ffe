// Another quota, tried on what came: a limit's history, or an access log that is read here and sent nowhere.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useAsked } from "../api.ts";
import { Chart, Key, outcomes } from "../chart.tsx";
import { clock, count, duration, moment, percent } from "../format.ts";
import { Bar, Card, Choice, Copy, Empty, Failure, LimitField, useLimits } from "../parts.tsx";
import { askedOf } from "../past.ts";
import { parseQuota, quotaText, type Quota } from "../quota.ts";
import { refine, usePlace } from "../route.ts";
import { fromHistory, LogReader, tryQuota, type Result, type Traffic } from "../trial.ts";
import type { KeyName } from "../access_log.ts";

const kRequestsMax = 1_000_000;
const kLengths = [
  ["1h", "1 h", 3600],
  ["6h", "6 h", 21_600],
  ["24h", "24 h", 86_400],
] as const;

export function WhatIfView() {
  const { query } = usePlace();
  const source = query.get("from") === "log" ? "log" : "history";
  const text = query.get("quota") ?? "";
  const limit = query.get("limit") ?? "";
  const [log, setLog] = useState<Log>();
  const past = usePast(source === "history" ? limit : "", query.get("length") ?? "1h");
  const configured = useLimits().data?.limits.find((l) => l.name === limit)?.quotas[0]?.quota;
  const wanted = text || (source === "history" ? configured : undefined) || "60/min burst 20";
  const traffic = source === "log" ? log?.traffic : past.data;
  return (
    <div class="view">
      <div class="fields">
        <Choice
          label="Try it on"
          value={source}
          of={[
            ["history", "A limit's history"],
            ["log", "An access log"],
          ]}
          onChange={(from) => refine({ from })}
        />
        {source === "history" && (
          <>
            <LimitField value={limit} onChange={(l) => refine({ limit: l, quota: "" })} />
            <Choice label="Length" value={query.get("length") ?? "1h"} of={kLengths} onChange={(length) => refine({ length })} />
          </>
        )}
      </div>
      {source === "log" && <LogSource log={log} setLog={setLog} />}
      <Failure error={source === "history" ? past.error : undefined} />
      <Trial wanted={wanted} traffic={traffic} source={source} chosen={source === "log" || limit !== ""} />
    </div>
  );
}

/// One second a point. A history has no keys.
function usePast(limit: string, length: string) {
  const seconds = kLengths.find(([name]) => name === length)?.[2] ?? 3600;
  return useAsked(limit && `${limit} ${length}`, async (_, signal) => {
    const to = Math.floor(Date.now() / 1000);
    return fromHistory(await askedOf(limit, to - seconds, to, signal));
  });
}

interface Log {
  name: string;
  traffic?: Traffic;
  cut?: boolean;
  error?: string;
}

async function read(stream: ReadableStream<Uint8Array>, packed: boolean, by: KeyName, stop: () => boolean): Promise<Omit<Log, "name"> | undefined> {
  const plain = packed ? stream.pipeThrough(new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>) : stream;
  const reader = plain.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  const log = new LogReader(by);
  for (;;) {
    const { done, value } = await reader.read();
    if (stop()) return void reader.cancel();
    if (done) return { traffic: log.end() };
    log.feed(value);
    if (log.traffic.requests < kRequestsMax) continue;
    void reader.cancel();
    return { traffic: log.traffic, cut: true };
  }
}

function LogSource({ log, setLog }: { log?: Log; setLog: (log: Log | undefined) => void }) {
  const [blob, setBlob] = useState<{ name: string; blob: Blob }>();
  const [by, setBy] = useState<KeyName>("ip");
  const [over, setOver] = useState(false);
  const turn = useRef(0);
  useEffect(() => {
    if (!blob) return;
    const mine = ++turn.current;
    setLog({ name: blob.name });
    void (async () => {
      const head = new Uint8Array(await blob.blob.slice(0, 2).arrayBuffer());
      const packed = head[0] === 0x1f && head[1] === 0x8b;
      const got = await read(blob.blob.stream(), packed, by, () => turn.current !== mine).catch((e: Error) => ({ error: `${blob.name} cannot be read: ${e.message}` }));
      if (got && turn.current === mine) setLog({ name: blob.name, ...got });
    })();
  }, [blob, by]);
  const take = (file: File | undefined) => file && setBlob({ name: file.name, blob: file });
  return (
    <Card title="The log" aside={<Choice label="Counted by" value={by} of={[["ip", "by address"], ["user", "by user"], ["path", "by path"]]} onChange={setBy} />}>
      <div
        class={`drop ${over ? "over" : ""}`}
        onDragOver={(e) => (e.preventDefault(), setOver(true))}
        onDragLeave={() => setOver(false)}
        onDrop={(e) => {
          e.preventDefault();
          setOver(false);
          take(e.dataTransfer?.files[0]);
        }}
      >
        <label class="file">
          <input type="file" onChange={(e) => take(e.currentTarget.files?.[0])} />
          <span>Choose a file, drop it here,</span>
        </label>
        <textarea
          rows={1}
          aria-label="Lines of an access log"
          placeholder="or paste lines of an access log"
          onInput={(e) => e.currentTarget.value.trim() && setBlob({ name: "what was pasted", blob: new Blob([e.currentTarget.value]) })}
        />
      </div>
      {log?.error && (
        <p class="failure" role="alert">
          {log.error}
        </p>
      )}
      <p class="note">{told(log)}</p>
    </Card>
  );
}

function told(log?: Log): string {
  if (!log) return "Common or combined format, as Apache, nginx and most others write it; plain or gzip. It is read in this page and sent nowhere.";
  const t = log.traffic;
  if (log.error) return "";
  if (!t) return `Reading ${log.name} …`;
  if (t.requests === 0) return `${log.name} has no line of an access log in the common or the combined format.`;
  const parts = [`${log.name}: ${count(t.requests)} requests of ${count(t.keys.length)} keys, ${moment(t.seconds[0]!)} to ${moment(t.seconds.at(-1)!)}`];
  if (t.damaged) parts.push(`${count(t.damaged)} lines are of another form`);
  if (t.withoutKey) parts.push(`${count(t.withoutKey)} have no key`);
  if (t.late) parts.push(`${count(t.late)} came out of order and count at the latest time seen`);
  if (log.cut) parts.push("the rest is left out: sluice simulate reads logs of any size");
  return `${parts.join("; ")}.`;
}

const kUnits = [
  ["s", 1_000_000_000n],
  ["min", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
  ["day", 86_400_000_000_000n],
] as const;

function Trial(props: { wanted: string; traffic?: Traffic; source: string; chosen: boolean }) {
  const [typed, setTyped] = useState(props.wanted);
  useEffect(() => setTyped(props.wanted), [props.wanted]);
  const { quota, wrong } = useMemo(() => {
    try {
      return { quota: parseQuota(typed), wrong: "" };
    } catch (error) {
      return { quota: undefined, wrong: (error as Error).message };
    }
  }, [typed]);
  const [tried, setTried] = useState<Quota>();
  // While a slider is dragged at most one trial a frame.
  useEffect(() => {
    const frame = requestAnimationFrame(() => quota && setTried(quota));
    return () => cancelAnimationFrame(frame);
  }, [quota]);
  const result = useMemo(() => (props.traffic && props.traffic.requests > 0 && tried ? tryQuota(props.traffic, tried) : undefined), [props.traffic, tried]);
  const set = (text: string) => (setTyped(text), keep(text));
  const timer = useRef(0);
  const keep = (text: string) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => refine({ quota: text }), 300);
  };
  return (
    <>
      <Card title="The quota" aside={quota && <Copy text={quotaText(quota)} />}>
        <div class="dials">
          <label class="field grow">
            <span>As it stands in a file of limits</span>
            <input class="mono" value={typed} aria-invalid={wrong !== ""} onInput={(e) => set(e.currentTarget.value)} data-quota />
          </label>
          {quota && <Dials quota={quota} set={(q) => set(quotaText(q))} />}
        </div>
        {wrong && (
          <p class="failure" role="alert">
            {wrong}
          </p>
        )}
      </Card>
      {!result ? <Nothing {...props} /> : <Outcome result={result} source={props.source} />}
    </>
  );
}

function Nothing({ traffic, source, chosen }: { traffic?: Traffic; source: string; chosen: boolean }) {
  if (source === "log") return traffic ? null : <Empty>Give a log, and see here whom the quota would have refused.</Empty>;
  if (!chosen) return <Empty>Choose a limit, and see here what another quota would have done to its last hours.</Empty>;
  return traffic ? <Empty>Nothing was asked of this limit in this time.</Empty> : null;
}

const kDialMax = 100_000;
/// A slider's place for a number, finer where numbers are small.
const place = (n: bigint) => Math.round((1000 * Math.log(Math.min(Number(n), kDialMax))) / Math.log(kDialMax));
function valueAt(place: number): bigint {
  const n = Math.exp((place / 1000) * Math.log(kDialMax));
  const digits = 10 ** Math.max(0, Math.floor(Math.log10(n)) - 1);
  return BigInt(Math.max(1, Math.round(n / digits) * digits)); // Two digits are enough to drag by.
}

function Dials({ quota, set }: { quota: Quota; set: (quota: Quota) => void }) {
  const unit = kUnits.find(([, ns]) => ns === quota.period);
  return (
    <>
      <label class="field dial">
        <span>
          Tokens a period <b>{count(quota.tokens)}</b>
        </span>
        <input type="range" min="0" max="1000" value={place(quota.tokens)} data-dial="tokens" onInput={(e) => set({ ...quota, tokens: valueAt(Number(e.currentTarget.value)) })} />
      </label>
      <label class="field dial">
        <span>
          Burst <b>{count(quota.capacity)}</b>
        </span>
        <input type="range" min="0" max="1000" value={place(quota.capacity)} data-dial="burst" onInput={(e) => set({ ...quota, capacity: valueAt(Number(e.currentTarget.value)) })} />
      </label>
      <div class="field">
        <span>Period</span>
        <Choice label="Period" value={unit?.[0] ?? "s"} of={kUnits.map(([name]) => [name, name] as const)} onChange={(name) => set({ ...quota, period: kUnits.find(([n]) => n === name)![1] })} />
      </div>
    </>
  );
}

function Outcome({ result, source }: { result: Result; source: string }) {
  const curves = useMemo(() => outcomes(result.allowedAt, result.refusedAt), [result]);
  return (
    <>
      <dl class="figures">
        <div>
          <dt>
            <i class="dot refuse" /> Would be refused
          </dt>
          <dd data-figure="would-refuse">
            {count(result.refused)} <small>{percent(result.refused, result.requests)}</small>
          </dd>
        </div>
        <div>
          <dt>
            <i class="dot allow" /> Would pass
          </dt>
          <dd>{count(result.requests - result.refused)}</dd>
        </div>
        {source === "log" && (
          <div>
            <dt>Keys refused</dt>
            <dd>
              {count(result.keysRefused)} <small>of {count(result.keys)}</small>
            </dd>
          </div>
        )}
        <div>
          <dt>Burst that refuses nobody</dt>
          <dd data-figure="burst">{count(result.burstNeeded)}</dd>
        </div>
      </dl>
      <Card title="Over time" aside={<Key />}>
        <Chart label="Requests over time, those that would pass and those refused" times={result.times} curves={curves} height={200} stepped />
        <p class="note">
          {source === "log"
            ? "Decided by the server's own arithmetic, in whole numbers. Logs carry whole seconds, so requests of one second arrive together: the hardest case for a burst."
            : "The history knows how much was asked each second, not by whom: this tries one bucket that all keys share, as for a limit on a whole service. Requests of one second arrive together, each at a cost of 1. For a quota by key, give a log."}
        </p>
      </Card>
      {source === "log" && (
        <Card title="Who would be refused">
          {result.worst.length === 0 ? (
            <Empty>Nobody.</Empty>
          ) : (
            <div class="scroll">
              <table>
                <thead>
                  <tr>
                    <th>key</th>
                    <th class="number">requests</th>
                    <th class="number">refused</th>
                    <th class="share">share</th>
                    <th class="number wide-only">first</th>
                    <th class="number wide-only">longest wait</th>
                    <th class="number wide-only">needs burst</th>
                  </tr>
                </thead>
                <tbody>
                  {result.worst.map((w) => (
                    <tr key={w.key}>
                      <th scope="row" class="mono cut">
                        {w.key}
                      </th>
                      <td class="number">{count(w.requests)}</td>
                      <td class="number refused">{count(w.refused)}</td>
                      <td class="share">
                        <Bar part={w.refused} all={w.requests} />
                        <span>{percent(w.refused, w.requests)}</span>
                      </td>
                      <td class="number wide-only muted">{clock(w.firstRefusal)}</td>
                      <td class="number wide-only muted">{duration(Number(w.longestWait) / 1e9)}</td>
                      <td class="number wide-only">{count(w.burstNeeded)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </Card>
      )}
    </>
  );
}
