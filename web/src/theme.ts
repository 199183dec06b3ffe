// Dark or light: the system's, or the one chosen here. The first is set by index.html, before anything is painted.
import { Cell } from "./cell.ts";

const kTheme = "sluice-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
type Theme = "dark" | "light";

export const theme = new Cell(root.dataset["theme"] as Theme);

function show(next: Theme) {
  root.dataset["theme"] = next;
  theme.value = next;
}
system.addEventListener("change", () => {
  if (localStorage.getItem(kTheme) === null) show(system.matches ? "dark" : "light");
});

export function turnTheme() {
  const next = theme.value === "dark" ? "light" : "dark";
  // What the system says anyway is not kept: the page then follows it again.
  if ((next === "dark") === system.matches) localStorage.removeItem(kTheme);
  else localStorage.setItem(kTheme, next);
  show(next);
}
export const colour = (name: string) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
