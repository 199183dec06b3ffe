// Dark or light: the system's, or the one chosen here.
import { Cell } from "./cell.ts";

const kTheme = "sluice-theme";
const system = matchMedia("(prefers-color-scheme: dark)");
type Theme = "dark" | "light";

const chosen = () => localStorage.getItem(kTheme) as Theme | null;
const now = (): Theme => chosen() ?? (system.matches ? "dark" : "light");
export const theme = new Cell<Theme>(now());

function show() {
  document.documentElement.dataset["theme"] = now();
  theme.value = now();
}
system.addEventListener("change", show);
show();

export function turnTheme() {
  const next = now() === "dark" ? "light" : "dark";
  // What the system says anyway is not kept: the page then follows it again.
  if ((next === "dark") === system.matches) localStorage.removeItem(kTheme);
  else localStorage.setItem(kTheme, next);
  show();
}
export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
