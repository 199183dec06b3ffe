// The page: the view in its frame, how the line to the server is, keys, the question for a token.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { access, forgetToken, giveToken, hasToken } from "./api.ts";
import { useCell } from "./cell.ts";
import { clock } from "./format.ts";
import { Frame, kViews, Lamp, type View } from "./frame.tsx";
import { live, type Line } from "./live.ts";
import { go, usePlace } from "./route.ts";
import { theme, turnTheme } from "./theme.ts";
import { HistoryView } from "./views/history.tsx";
import { KeysView } from "./views/keys.tsx";
import { LiveView } from "./views/live.tsx";
import { PoliciesView } from "./views/policies.tsx";
import { WhatIfView } from "./views/whatif.tsx";
import { WhyView } from "./views/why.tsx";

const kShown: Record<View, ComponentType> = {
  live: LiveView,
  keys: KeysView,
  why: WhyView,
  history: HistoryView,
  whatif: WhatIfView,
  policies: PoliciesView,
};

const kLines: Record<Line, string> = {
  joining: "joining",
  live: "live",
  lost: "connection lost",
  waiting: "needs a token",
  absent: "not live",
};

function State() {
  const { line, told, why } = useCell(live);
  const away = told?.store.state === "away";
  const text = line === "live" ? (away ? "store away" : told?.ready === false ? "going down" : "live") : kLines[line];
  const tone = line === "live" ? (away || told?.ready === false ? "warn" : "good") : line === "joining" ? "" : "bad";
  return (
    <Lamp tone={tone} title={line === "live" ? undefined : why}>
      {text}
    </Lamp>
  );
}

/// On every view: what is shown there was decided otherwise than by the store.
function Away() {
  const { line, told, storeSince } = useCell(live);
  if (line !== "live" || told?.store.state !== "away") return null;
  return (
    <p class="failure away" role="alert">
      The store is away{storeSince !== undefined && ` since ${clock(storeSince)}`}: each limit's on_store_failure decides.
    </p>
  );
}

export function App() {
  const { view } = usePlace();
  const [shown, title] = kViews.find(([name]) => name === view) ?? kViews[0];
  const dark = useCell(theme) === "dark";
  const { sent } = useCell(access);
  const [help, setHelp] = useState(false);
  useEffect(() => {
    document.title = `${title} · Sluice`;
  }, [title]);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (target.closest("input, textarea, select")) return;
      const nth = kViews[Number(event.key) - 1];
      if (nth) go(nth[0]);
      else if (event.key === "t") turnTheme();
      else if (event.key === "?") setHelp(true);
      else if (event.key === "/") document.querySelector<HTMLElement>("main input:not([type=range]), main select")?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const Shown = kShown[shown];
  return (
    <>
      <Frame
        view={shown}
        state={<State />}
        dark={dark}
        onTheme={turnTheme}
        onHelp={() => setHelp(true)}
        onSignOut={hasToken() ? forgetToken : undefined}
        generation={sent}
      >
        <Away />
        <Shown />
      </Frame>
      <TokenDialog />
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

function useDialog() {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  return ref;
}

function Help({ close }: { close: () => void }) {
  return (
    <dialog ref={useDialog()} onClose={close} aria-label="Keys">
      <h2>Keys</h2>
      <dl class="facts">
        {[...kViews.map(([, title], i) => [String(i + 1), title]), ["/", "to the first field"], ["t", "dark or light"], ["← →", "along a chart"], ["Esc", "close"]].map(
          ([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ),
        )}
      </dl>
      <form method="dialog">
        <button>Close</button>
      </form>
    </dialog>
  );
}

function TokenDialog() {
  const { state, sent } = useCell(access);
  return state === "open" ? null : <TokenQuestion key={sent} refused={state === "refused"} />;
}

function TokenQuestion({ refused }: { refused: boolean }) {
  const [token, setToken] = useState("");
  return (
    <dialog ref={useDialog()} aria-labelledby="token-title" onClose={(e) => e.currentTarget.showModal()}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (token.trim()) giveToken(token.trim());
        }}
      >
        <h2 id="token-title">This server asks for a token</h2>
        {refused ? (
          <p class="failure" role="alert">
            The server does not know this token. It may have been changed; try another.
          </p>
        ) : (
          <p>One with the role inspect shows all of this page. It stays in this tab, until you close it.</p>
        )}
        <label class="field">
          <span>Token</span>
          <input type="password" autocomplete="off" autofocus value={token} onInput={(e) => setToken(e.currentTarget.value)} />
        </label>
        <button class="primary" disabled={!token.trim()}>
          Show the dashboard
        </button>
      </form>
    </dialog>
  );
}
