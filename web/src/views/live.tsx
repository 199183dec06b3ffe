// What happens now: rates by limit, the doors, the store.
import { useMemo, useState } from "preact/hooks";
import { useCell } from "../cell.ts";
import { Chart, Key, outcomes, Spark } from "../chart.tsx";
import { brief, bytes, clock, count, duration, percent, quotaWords } from "../format.ts";
import { live, sum, type DoorNumbers, type Live, type Second, type Told } from "../live.ts";
import { Bar, Card, Empty, useLimits } from "../parts.tsx";
import { link, refine, usePlace } from "../route.ts";

const kRowsMax = 50;
/// Names that no limit can have.
const kNames: Record<string, string> = {
  "#throttle": "CL.THROTTLE and GCRA, whose requests bring their quota",
  "#other": "limits beyond those counted by name",
};

export function LiveView() {
  const now = useCell(live);
  const limit = usePlace().query.get("limit") ?? "";
  if (!now.told) return <Waiting now={now} />;
  return (
    <div class="view">
      <Figures now={now} />
      <Rates seconds={now.seconds} limit={limit} />
      <Limits now={now} chosen={limit} />
      <div class="pair">
        <Doors told={now.told} before={now.before} />
        <Store told={now.told} before={now.before} since={now.storeSince} />
      </div>
    </div>
  );
}

function Waiting({ now }: { now: Live }) {
  if (now.line === "joining") return <Empty>Joining the server …</Empty>;
  if (now.line === "waiting") return <Empty>Give a token to see this.</Empty>;
  return (
    <div class="view">
      <p class="failure" role="alert">
        {now.line === "lost" ? "The server does not answer. Trying again …" : now.why}
      </p>
    </div>
  );
}

/// Seconds that run would draw the eye.
const uptime = (seconds: number) => duration(Math.floor(seconds < 60 ? seconds : seconds - (seconds % 60)));

function Figures({ now }: { now: Live }) {
  const [allowed, refused] = sum(now.seconds.at(-1), "");
  const { store, started, time, memory_bytes, table } = now.told!;
  return (
    <dl class="figures">
      <div>
        <dt>Decisions a second</dt>
        <dd data-figure="decisions">{brief(allowed + refused)}</dd>
      </div>
      <div>
        <dt>
          <i class="dot allow" /> Allowed
        </dt>
        <dd data-figure="allowed">{brief(allowed)}</dd>
      </div>
      <div>
        <dt>
          <i class="dot refuse" /> Refused
        </dt>
        <dd data-figure="refused">
          {brief(refused)} <small>{percent(refused, allowed + refused)}</small>
        </dd>
      </div>
      <div>
        <dt>Store</dt>
        <dd class={store.state === "away" ? "bad" : ""} data-figure="store">
          {store.state === "away" ? "away" : store.kind} {store.kind === "local" && <small>{brief(table.keys)} keys</small>}
        </dd>
      </div>
      <div>
        <dt>Up</dt>
        <dd>
          {uptime(time - started)} <small>{bytes(memory_bytes)}</small>
        </dd>
      </div>
    </dl>
  );
}

function Rates({ seconds, limit }: { seconds: Second[]; limit: string }) {
  const { times, curves } = useMemo(() => {
    const allowed: (number | null)[] = [];
    const refused: (number | null)[] = [];
    const times: number[] = [];
    for (const second of seconds) {
      const last = times.at(-1);
      if (last !== undefined && second.time - last > 3) times.push(last + 1), allowed.push(null), refused.push(null); // A gap is shown as one.
      const [a, r] = sum(second, limit);
      times.push(second.time), allowed.push(a), refused.push(r);
    }
    return { times, curves: outcomes(allowed, refused) };
  }, [seconds, limit]);
  return (
    <Card title={limit ? `${limit}, a second` : "All limits, a second"} aside={<Key />}>
      {times.length < 2 ? (
        <Empty>The first seconds are being gathered …</Empty>
      ) : (
        <Chart label="Decisions a second, allowed and refused" times={times} curves={curves} height={230} span={60} />
      )}
    </Card>
  );
}

function Limits({ now, chosen }: { now: Live; chosen: string }) {
  const [filter, setFilter] = useState("");
  const { data } = useLimits();
  const quotas = new Map(data?.limits.map((l) => [l.name, l]));
  const latest = now.seconds.at(-1);
  const minute = now.seconds.slice(-60);
  const rows = useMemo(() => {
    const all = Object.keys(now.told!.limits)
      .filter((name) => name.toLowerCase().includes(filter.toLowerCase()))
      .map((name) => {
        const pairs = minute.map((s) => s.rates.get(name) ?? [0, 0]);
        return { name, pairs, all: pairs.reduce((n, [a, r]) => n + a + r, 0) };
      });
    return all.sort((a, b) => b.all - a.all || a.name.localeCompare(b.name));
  }, [now.seconds, filter]);
  const many = Object.keys(now.told!.limits).length > 8;
  if (rows.length === 0 && !filter)
    return (
      <Card title="Limits">
        <Empty>
          No limit is configured and none was asked. Name some in a file: <code>sluice serve --limits limits.yaml</code>
        </Empty>
      </Card>
    );
  return (
    <Card
      title="Limits"
      aside={
        <>
          {chosen && (
            <button type="button" class="quiet" onClick={() => refine({ limit: "" })}>
              show all in the chart
            </button>
          )}
          {many && <input class="filter" type="search" placeholder="filter" aria-label="Filter limits" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />}
        </>
      }
    >
      <div class="scroll">
        <table class="limits">
          <thead>
            <tr>
              <th>limit</th>
              <th class="wide-only">quota</th>
              <th class="number">allowed /s</th>
              <th class="number">refused /s</th>
              <th class="share">refused, 1 min</th>
              <th class="wide-only curve">rates, 1 min</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, kRowsMax).map(({ name, pairs, all }) => {
              const [allowed, refused] = sum(latest, name);
              const refusedAll = pairs.reduce((n, [, r]) => n + r, 0);
              const limit = quotas.get(name);
              return (
                <tr key={name} class={name === chosen ? "chosen" : ""} data-limit={name}>
                  <th scope="row">
                    <button type="button" class="row" aria-pressed={name === chosen} onClick={() => refine({ limit: name === chosen ? "" : name })}>
                      {name}
                    </button>
                    {limit?.mode === "shadow" && <span class="tag">shadow</span>}
                  </th>
                  <td class="wide-only muted">{limit ? limit.quotas.map((q) => quotaWords(q.quota)).join(", ") : kNames[name]}</td>
                  <td class="number">{brief(allowed)}</td>
                  <td class={`number ${refused > 0 ? "refused" : "faint"}`}>{brief(refused)}</td>
                  <td class="share">
                    <Bar part={refusedAll} all={all} />
                    <span>{percent(refusedAll, all)}</span>
                  </td>
                  <td class="wide-only curve">
                    <Spark allowed={pairs.map(([a]) => a)} refused={pairs.map(([, r]) => r)} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {rows.length > kRowsMax && <p class="note">{count(rows.length - kRowsMax)} more; the filter finds them.</p>}
      {rows.length === 0 && <Empty>No limit has this in its name.</Empty>}
      {chosen && (
        <p class="note">
          <a href={link("keys", { limit: chosen })}>Heaviest keys of {chosen}</a> · <a href={link("history", { limit: chosen })}>its history</a> ·{" "}
          <a href={link("whatif", { limit: chosen })}>another quota</a>
        </p>
      )}
    </Card>
  );
}

function Doors({ told, before }: { told: Told; before?: Told }) {
  const took = before ? told.time - before.time : 0;
  const per = (name: string, get: (d: DoorNumbers) => number) => {
    const was = before?.doors[name];
    return took > 0 && was ? Math.max(0, get(told.doors[name]!) - get(was)) / took : 0;
  };
  const doors = Object.entries(told.doors);
  return (
    <Card title="Doors">
      {doors.length === 0 ? (
        <Empty>No door is open.</Empty>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>door</th>
                <th class="number">open</th>
                <th class="number">requests /s</th>
                <th class="number wide-only">in /s</th>
                <th class="number wide-only">out /s</th>
                <th class="number">turned away</th>
              </tr>
            </thead>
            <tbody>
              {doors.map(([name, d]) => (
                <tr key={name} data-door={name}>
                  <th scope="row">{name}</th>
                  <td class="number">{brief(d.connections)}</td>
                  <td class="number">{brief(per(name, (n) => n.requests))}</td>
                  <td class="number wide-only">{bytes(per(name, (n) => n.bytes_in))}</td>
                  <td class="number wide-only">{bytes(per(name, (n) => n.bytes_out))}</td>
                  <td class={`number ${d.refused > 0 ? "refused" : "faint"}`}>{brief(d.refused)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

const kAsks: Record<string, string> = {
  store: "by the store",
  leased: "from a lease",
  remembered: "by a remembered refusal",
};

function Store({ told, before, since }: { told: Told; before?: Told; since?: number }) {
  const { store, table } = told;
  const took = before ? told.time - before.time : 0;
  const per = (now: number, was: number | undefined) => (took > 0 && was !== undefined ? Math.max(0, now - was) / took : 0);
  const degraded = per(store.degraded, before?.store.degraded);
  const facts: [string, preact.ComponentChildren][] = [];
  if (store.kind === "shared") {
    const seen = since === undefined ? "" : ` since ${clock(since)}`;
    facts.push(["State", store.state === "up" ? `up${seen}` : <b class="bad">away{seen}: each limit's on_store_failure decides</b>]);
    if (store.instances !== undefined) facts.push(["Servers that share it", count(store.instances)]);
    for (const [name, n] of Object.entries(store.asks ?? {}))
      if (name !== "degraded") facts.push([`Decided ${kAsks[name] ?? name.replaceAll("_", " ")}`, `${brief(per(n, before?.store.asks?.[name]))} /s`]);
    facts.push(["Decided without it", `${brief(degraded)} /s, ${count(store.degraded)} in all`]);
  }
  facts.push([store.kind === "local" ? "Buckets not full" : "Local buckets not full", `${count(table.keys)} of ${count(table.max_keys)}`]);
  facts.push(["Evicted", table.evictions > 0 ? <b class="bad">{count(table.evictions)}: raise max_keys</b> : "none"]);
  return (
    <Card title={store.kind === "local" ? "Store: this process" : "Store: shared"}>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-fact={name}>{value}</dd>
          </div>
        ))}
      </dl>
      {store.kind === "local" && <Bar part={table.keys} all={table.max_keys} tone="allow" />}
    </Card>
  );
}
