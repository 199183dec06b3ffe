// Who asks most, and who is refused most.
import { address, getJson, useAsked } from "../api.ts";
import { clock, count, percent } from "../format.ts";
import { Bar, Card, Choice, Empty, Failure, LimitField } from "../parts.tsx";
import { link, refine, usePlace } from "../route.ts";

interface Top {
  time: number;
  since: number;
  asked: number;
  refused: number;
  sample_rate: number;
  lost: number;
  not_counted: number;
  keys: { limit: string; key: string; count: number; error: number; sampling_error: number }[];
}
const kBy = [
  ["asked", "asked most"],
  ["refused", "refused most"],
] as const;

export function KeysView() {
  const { query } = usePlace();
  const limit = query.get("limit") ?? "";
  const by = query.get("by") === "refused" ? "refused" : "asked";
  const url = address("/v1/top", { limit: limit || undefined, by, n: 50 });
  const { data, error } = useAsked(url, (u, signal) => getJson<Top>(u, signal), 2000);
  return (
    <div class="view">
      <div class="fields">
        <LimitField value={limit} onChange={(l) => refine({ limit: l })} all="all limits" />
        <Choice label="Order" value={by} of={kBy} onChange={(b) => refine({ by: b })} />
      </div>
      <Card title={by === "asked" ? "Keys that ask most" : "Keys that are refused most"} aside={data && <span>since {clock(data.since)}</span>}>
        <Failure error={error} />
        {!data && !error && <Empty>Reading …</Empty>}
        {data && <Keys top={data} by={by} all={limit === ""} />}
      </Card>
    </div>
  );
}

function Keys({ top, by, all }: { top: Top; by: "asked" | "refused"; all: boolean }) {
  if (top.keys.length === 0) return <Empty>{by === "asked" ? "Nobody asked in the last minutes." : "Nobody was refused in the last minutes."}</Empty>;
  const whole = by === "asked" ? top.asked : top.refused;
  const most = top.keys[0]!.count;
  const inexact = top.keys.some((k) => k.error + k.sampling_error > 0);
  return (
    <>
      <div class="scroll">
        <table class="keys">
          <thead>
            <tr>
              <th class="number rank wide-only">#</th>
              <th>key</th>
              {all && <th>limit</th>}
              <th class="number">{by}</th>
              {inexact && <th class="number wide-only">at most too much</th>}
              <th class="share">of all {by}</th>
            </tr>
          </thead>
          <tbody>
            {top.keys.map((k, i) => (
              <tr key={`${k.limit} ${k.key}`} data-key={k.key}>
                <td class="number rank faint wide-only">{i + 1}</td>
                <th scope="row" class="mono cut">
                  <a href={link("why", { limit: k.limit, key: k.key })}>{k.key || "(the empty key)"}</a>
                </th>
                {all && <td class="muted">{k.limit}</td>}
                <td class={`number ${by === "refused" ? "refused" : ""}`}>{count(k.count)}</td>
                {inexact && <td class="number faint wide-only">{k.error + k.sampling_error > 0 ? count(k.error + k.sampling_error) : "exact"}</td>}
                <td class="share">
                  <Bar part={k.count} all={most} tone={by === "refused" ? "refuse" : "allow"} />
                  <span>{percent(Math.min(k.count, whole), whole)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="note">
        {count(top.asked)} asked, {count(top.refused)} refused in this time.
        {top.sample_rate < 1 && ` One of ${count(Math.round(1 / top.sample_rate))} decisions is counted, and stands for as many.`}
        {top.lost > 0 && ` ${count(top.lost)} decisions since the start came too fast to be counted.`}
        {top.not_counted > 0 && ` ${count(top.not_counted)} were of limits whose keys are not counted.`}
      </p>
    </>
  );
}
