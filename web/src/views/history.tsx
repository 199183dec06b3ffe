// What was decided: the server's history, by limit, at the finest step that the range allows.
import { useMemo } from "preact/hooks";
import { useAsked } from "../api.ts";
import { Chart, Key, outcomes } from "../chart.tsx";
import { count, percent } from "../format.ts";
import { Bar, Card, Choice, Empty, Failure, LimitField } from "../parts.tsx";
import { live } from "../live.ts";
import { finest, historyOf, kStepSeconds, type History } from "../past.ts";
import { link, refine, usePlace } from "../route.ts";

const kRanges = [
  ["15min", "15 min", 900, "1s"],
  ["1h", "1 h", 3600, "1s"],
  ["6h", "6 h", 21_600, "1m"],
  ["24h", "24 h", 86_400, "1m"],
  ["7d", "7 d", 604_800, "1h"],
  ["30d", "30 d", 2_592_000, "1h"],
] as const;
const kPointsMax = 720;

export interface Summed {
  times: number[];
  allowed: number[];
  refused: number[];
  step: number;
}
/// One point for each step from `from` to `to`, those without decisions too; steps are joined where there are too many to draw.
export function summed(history: History, from: number, to: number, limit: string): Summed {
  const base = kStepSeconds[history.step] ?? 1;
  const joined = Math.max(1, Math.ceil((to - from) / base / kPointsMax));
  const step = base * joined;
  const begin = Math.floor(from / step) * step;
  const length = Math.max(0, Math.ceil((to - begin) / step));
  const [allowed, refused] = [new Array<number>(length).fill(0), new Array<number>(length).fill(0)];
  for (const series of history.series) {
    if (limit && series.limit !== limit) continue;
    const into = series.outcome === "allowed" ? allowed : refused;
    for (const [t, n] of series.points) {
      const at = Math.floor((t - begin) / step);
      if (at >= 0 && at < length) into[at]! += n;
    }
  }
  return { times: allowed.map((_, i) => begin + i * step), allowed, refused, step };
}

export function HistoryView() {
  const { query } = usePlace();
  const limit = query.get("limit") ?? "";
  const range = kRanges.find(([name]) => name === query.get("range")) ?? kRanges[1];
  const [, words, length, least] = range;
  const limits = limit ? 1 : Object.keys(live.value.told?.limits ?? {}).length;
  const step = finest(length, limits, least);
  const { data, error } = useAsked(
    `${range[0]} ${step} ${limit}`,
    async (_, signal) => {
      const to = Math.floor(Date.now() / 1000);
      const from = to - length;
      return { from, to, history: await historyOf({ limit: limit || undefined, from, to, step }, signal) };
    },
    step === "1s" ? 5_000 : 30_000,
  );
  const drawn = useMemo(() => {
    if (!data) return undefined;
    const s = summed(data.history, data.from, data.to, limit);
    return { ...s, curves: outcomes(s.allowed, s.refused) };
  }, [data]);
  return (
    <div class="view">
      <div class="fields">
        <LimitField value={limit} onChange={(l) => refine({ limit: l })} all="all limits" />
        <Choice label="Range" value={range[0]} of={kRanges} onChange={(r) => refine({ range: r })} />
      </div>
      <Card title={`${limit || "All limits"}, the last ${words}`} aside={<Key />}>
        <Failure error={error} />
        {!drawn && !error && <Empty>Reading …</Empty>}
        {drawn && (
          <>
            <Chart label="Decisions over time, allowed and refused" times={drawn.times} curves={drawn.curves} height={260} stepped />
            <p class="note">Each step is {stepWords(drawn.step)}; its height is what was decided in it.</p>
          </>
        )}
      </Card>
      {data && <Sums history={data.history} />}
    </div>
  );
}

function stepWords(step: number): string {
  if (step % 3600 === 0) return step === 3600 ? "1 hour" : `${step / 3600} hours`;
  if (step % 60 === 0) return step === 60 ? "1 minute" : `${step / 60} minutes`;
  return step === 1 ? "1 second" : `${step} seconds`;
}

function Sums({ history }: { history: History }) {
  const sums = new Map<string, { allowed: number; refused: number; never: number }>();
  for (const { limit, outcome, points } of history.series) {
    const sum = sums.get(limit) ?? { allowed: 0, refused: 0, never: 0 };
    const n = points.reduce((all, [, one]) => all + one, 0);
    if (outcome === "allowed" || outcome === "refused" || outcome === "never") sum[outcome] += n;
    sums.set(limit, sum);
  }
  const rows = [...sums].map(([limit, s]) => ({ limit, ...s, all: s.allowed + s.refused + s.never })).filter((r) => r.all > 0);
  rows.sort((a, b) => b.all - a.all);
  return (
    <Card title="Sums of the range">
      {rows.length === 0 ? (
        <Empty>Nothing was decided in this time.</Empty>
      ) : (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>limit</th>
                <th class="number">allowed</th>
                <th class="number">refused</th>
                <th class="number wide-only">never</th>
                <th class="share">refused</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((r) => (
                <tr key={r.limit}>
                  <th scope="row">
                    <a href={link("keys", { limit: r.limit, by: "refused" })}>{r.limit}</a>
                  </th>
                  <td class="number">{count(r.allowed)}</td>
                  <td class={`number ${r.refused > 0 ? "refused" : "faint"}`}>{count(r.refused)}</td>
                  <td class={`number wide-only ${r.never > 0 ? "refused" : "faint"}`}>{count(r.never)}</td>
                  <td class="share">
                    <Bar part={r.refused + r.never} all={r.all} />
                    <span>{percent(r.refused + r.never, r.all)}</span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
