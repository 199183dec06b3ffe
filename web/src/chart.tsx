// Charts by uPlot, in the page's colours. Under the pointer, or with the arrow keys, a line of figures.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useCell } from "./cell.ts";
import { brief, clock, moment } from "./format.ts";
import { colour, theme } from "./theme.ts";

export interface Curve {
  label: string;
  colour: string; // A name of style.css: "allow", "refuse", …
  values: (number | null)[];
  /// Filled down to the curve behind it in the list, or to the axis.
  fill?: boolean;
  dash?: boolean;
}
export interface ChartProps {
  label: string; // For those who do not see it.
  times: number[]; // Seconds since 1970, or since the start with `relative`.
  curves: Curve[];
  height?: number;
  stepped?: boolean;
  relative?: (seconds: number) => string;
  max?: number;
  span?: number; // At least so many seconds are shown.
  format?: (n: number) => string;
}

const kFont = "11px system-ui, sans-serif";

function options(p: ChartProps, width: number, say: (index: number | null) => void): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: colour("muted"),
    font: kFont,
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  const stepped = p.stepped ? { paths: uPlot.paths.stepped!({ align: 1 }) } : {};
  const format = p.format ?? brief;
  return {
    width,
    height: p.height ?? 220,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 }, y: false },
    scales: {
      x: { time: !p.relative, ...(p.span ? { range: (_u, min, max) => [Math.min(min, max - p.span!), max] } : {}) },
      y: { range: (_u, _min, max) => [0, p.max ?? (max > 0 ? max * 1.08 : 1)] },
    },
    axes: [
      { ...axis, space: 70, size: p.relative || wide(p) < 40_000 ? 24 : 36, gap: 5, ...(p.relative ? {} : { incrs: kTimeSteps }), ...(p.relative ? { values: (_u, at) => at.map(p.relative!) } : { values: kTimeMarks }) },
      { ...axis, space: 34, size: 46, values: (_u, at) => at.map(format) },
    ],
    series: [
      {},
      ...p.curves.map((c) => ({
        label: c.label,
        stroke: colour(c.colour),
        width: 1.5,
        points: { show: false },
        ...(c.dash ? { dash: [4, 4] } : {}),
        ...(c.fill ? { fill: `${colour(c.colour)}33` } : {}),
        ...stepped,
      })),
    ],
    bands: p.curves.flatMap((c, i) => (c.fill && p.curves[i + 1]?.fill ? [{ series: [i + 1, i + 2] as [number, number] }] : [])),
    hooks: { setCursor: [(u) => say(u.cursor.idx ?? null)] },
  };
}
const wide = (p: ChartProps) => (p.times.at(-1) ?? 0) - (p.times[0] ?? 0);
const kTimeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];
// Twenty-four hours a day, and no names of months: from years down to seconds.
const kTimeMarks: uPlot.Axis.Values = [
  [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", null, null, "\n{MM}-{DD}", null, null, null, 1],
  [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
];

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const dark = useCell(theme);
  const shape = props.curves.map((c) => c.label + c.colour).join("|") + props.stepped + props.height + (wide(props) < 40_000);
  const data = () => {
    const { times, curves, stepped } = latest.current;
    const all = [times, ...curves.map((c) => c.values)];
    if (!stepped || times.length < 2) return all as uPlot.AlignedData;
    // The last step is as wide as the others.
    return all.map((row, i) => [...row, i === 0 ? 2 * times.at(-1)! - times.at(-2)! : row.at(-1)!]) as uPlot.AlignedData;
  };

  const say = (index: number | null) => {
    const p = latest.current;
    if (!readout.current) return;
    if (index !== null) index = Math.min(index, p.times.length - 1);
    const at = index === null ? undefined : p.times[index];
    const format = p.format ?? brief;
    readout.current.textContent =
      at === undefined
        ? ""
        : [p.relative ? p.relative(at) : at % 1 || p.times.length < 2 || p.times[1]! - p.times[0]! < 60 ? clock(at) : moment(at)]
            .concat(p.curves.map((c) => `${c.label} ${c.values[index!] == null ? "–" : format(shown(p, c, index!))}`))
            .join("   ");
  };

  useEffect(() => {
    const at = box.current!;
    plot.current = new uPlot(options(latest.current, at.clientWidth, say), data(), at);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: at.clientWidth, height: latest.current.height ?? 220 }));
    resized.observe(at);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [dark, shape]);
  useEffect(() => plot.current?.setData(data()), [props.times, props.curves]);

  const step = (event: KeyboardEvent) => {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    const u = plot.current;
    if (!by || !u) return;
    event.preventDefault();
    const last = latest.current.times.length - 1;
    const index = Math.min(last, Math.max(0, (u.cursor.idx ?? last) + by));
    u.setCursor({ left: u.valToPos(latest.current.times[index]!, "x"), top: 0 });
  };
  return (
    <figure class="chart" tabIndex={0} role="img" aria-label={props.label} onKeyDown={step}>
      <div ref={box} />
      <p class="readout" ref={readout} aria-live="polite" />
    </figure>
  );
}

/// Of stacked curves the part that is the curve's own.
function shown(p: ChartProps, c: Curve, index: number): number {
  const below = p.curves[p.curves.indexOf(c) + 1];
  return c.values[index]! - (c.fill && below?.fill ? (below.values[index] ?? 0) : 0);
}

/// allowed below, refused on top of it.
export function outcomes(allowed: (number | null)[], refused: (number | null)[]): Curve[] {
  return [
    { label: "refused", colour: "refuse", fill: true, values: allowed.map((a, i) => (a === null ? null : a + (refused[i] ?? 0))) },
    { label: "allowed", colour: "allow", fill: true, values: allowed },
  ];
}
export function Key() {
  return (
    <span class="key">
      <i class="dot allow" /> allowed <i class="dot refuse" /> refused
    </span>
  );
}

/// A small curve in a table: no axes, no pointer.
export function Spark({ allowed, refused }: { allowed: number[]; refused: number[] }) {
  const n = Math.max(allowed.length, 2);
  const top = Math.max(1e-9, ...allowed.map((a, i) => a + refused[i]!));
  const line = (values: number[]) => values.map((v, i) => `${((100 * i) / (n - 1)).toFixed(1)},${(23 - (21 * v) / top).toFixed(1)}`).join(" ");
  return (
    <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      <polygon class="allow" points={`0,23 ${line(allowed)} 100,23`} />
      <polyline class="allow" points={line(allowed)} />
      {refused.some((r) => r > 0) && <polyline class="refuse" points={line(refused)} />}
    </svg>
  );
}
