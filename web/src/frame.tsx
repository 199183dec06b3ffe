// What stands around each view. It is also painted before the script is there: vite.config.ts draws it into index.html,
// so nothing here may ask the browser for anything.
import type { ComponentChildren } from "preact";

export const kViews = [
  ["live", "Live"],
  ["keys", "Keys"],
  ["why", "Why"],
  ["history", "History"],
  ["whatif", "What if"],
  ["policies", "Policies"],
] as const;
export type View = (typeof kViews)[number][0];

export interface FrameProps {
  view?: View;
  state: ComponentChildren;
  dark?: boolean;
  onTheme?: () => void;
  onHelp?: () => void;
  onSignOut?: () => void; // Without it there is nothing to sign out of.
  generation?: number; // Another one begins the view anew.
  children: ComponentChildren;
}

export function Frame(props: FrameProps) {
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), document.getElementById("main")!.focus())}>
        Skip to the content
      </a>
      <header class="top">
        <a class="name" href="#/live" aria-label="Sluice, live view">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M7 7v18M25 7v18" />
            <path class="water" d="M11 21h10v4H11z" />
            <path class="gate" d="M11 8h10v8H11z" />
          </svg>
          Sluice
        </a>
        <nav aria-label="Views">
          {kViews.map(([name, title], i) => (
            <a key={name} href={`#/${name}`} aria-current={name === props.view ? "page" : undefined} title={`${title} (${i + 1})`}>
              {title}
            </a>
          ))}
        </nav>
        <div class="tools">
          {props.state}
          {props.onSignOut && (
            <button type="button" class="quiet" onClick={props.onSignOut} title="Forget the token">
              sign out
            </button>
          )}
          <button type="button" class="icon" onClick={props.onTheme} aria-label={props.dark ? "Light colours" : "Dark colours"} title="Dark or light (t)">
            {props.dark ? "☀" : "☾"}
          </button>
          <button type="button" class="icon wide-only" onClick={props.onHelp} aria-label="Keys of this page" title="Keys (?)">
            ?
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1} key={props.generation}>
        {props.children}
      </main>
    </>
  );
}

export function Lamp(props: { tone?: string; title?: string; children: ComponentChildren }) {
  return (
    <span class={`state ${props.tone ?? ""}`} role="status" title={props.title}>
      <i class="lamp" />
      {props.children}
    </span>
  );
}

/// The page before its script.
export const First = () => (
  <Frame state={<Lamp>joining</Lamp>}>
    <p class="empty">Joining the server …</p>
  </Frame>
);
