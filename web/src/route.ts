// Where the page is: #/why?limit=api&key=alice. So every view can be linked to and gone back from.
import { Cell, useCell } from "./cell.ts";

export interface Place {
  view: string;
  query: URLSearchParams;
}
function read(): Place {
  const [path = "", search = ""] = location.hash.slice(1).split("?", 2);
  return { view: path.split("/")[1] || "live", query: new URLSearchParams(search) };
}
const place = new Cell(read());
addEventListener("hashchange", () => (place.value = read()));

export const usePlace = () => useCell(place);

export type Query = Record<string, string | number | undefined>;
export function link(view: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, v]) => v !== undefined && v !== "");
  const search = new URLSearchParams(given.map(([k, v]) => [k, String(v)])).toString();
  return `#/${view}${search && `?${search}`}`;
}
export function go(view: string, query: Query = {}) {
  location.hash = link(view, query);
}
/// Changes what is asked within a view, without a step to go back to.
export function refine(query: Query) {
  const { view, query: now } = place.value;
  history.replaceState(null, "", link(view, { ...Object.fromEntries(now), ...query }));
  place.value = read();
}
