// What is configured: the limits, the files in force, and which rule a request falls under.
import { useState } from "preact/hooks";
import { address, getJson, useAsked } from "../api.ts";
import { Card, Empty, Failure, useLimits } from "../parts.tsx";
import { refine, link, usePlace } from "../route.ts";
import { duration, quotaWords } from "../format.ts";
import { Files, Origin } from "./files.tsx";

export function PoliciesView() {
  return (
    <div class="view">
      <Explain />
      <Limits />
      <Files />
    </div>
  );
}

function Limits() {
  const { data, error } = useLimits();
  return (
    <Card title="Named limits">
      <Failure error={error} />
      {data?.limits.length === 0 && (
        <Empty>
          None. Name some in a file: <code>sluice serve --limits limits.yaml</code>
        </Empty>
      )}
      {data && data.limits.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>limit</th>
                <th>quotas</th>
                <th class="wide-only">full after</th>
                <th>counts</th>
                <th>mode</th>
              </tr>
            </thead>
            <tbody>
              {data.limits.map((l) => (
                <tr key={l.name}>
                  <th scope="row">
                    <a href={link("live", { limit: l.name })}>{l.name}</a>
                  </th>
                  <td>{l.quotas.map((q) => quotaWords(q.quota)).join(", ")}</td>
                  <td class="wide-only muted">{l.quotas.map((q) => duration((q.capacity * q.period) / q.tokens)).join(", ")}</td>
                  <td class="muted">{l.unit}</td>
                  <td class="muted">{l.mode}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

interface Step {
  key: string;
  value: string;
  match?: string;
  descriptor?: string;
}
interface Explained {
  entries: Step[];
  verdict: "none" | "quota" | "allow" | "refuse";
  reason: string;
  rule?: {
    full_name: string;
    name?: string;
    file?: string;
    line?: number;
    version?: string;
    limit: string;
    shadow_mode?: boolean;
    buckets?: { family: string; key: string; quota: string }[];
  };
}
const kVerdicts: Record<Explained["verdict"], string> = {
  none: "No rule: nothing limits this request.",
  quota: "Limited by a quota.",
  allow: "Allowed without a bucket.",
  refuse: "Always refused.",
};

function Explain() {
  const { query } = usePlace();
  const [domain, setDomain] = useState(query.get("domain") ?? "");
  const [entries, setEntries] = useState(query.get("entries") ?? "");
  const asked = query.get("domain") ? explainUrl(query.get("domain")!, query.get("entries") ?? "") : "";
  const { data, error } = useAsked(asked, (url, signal) => getJson<{ descriptors: Explained[] }>(url, signal));
  return (
    <Card title="Which rule does a request fall under?">
      <form
        class="fields"
        onSubmit={(e) => {
          e.preventDefault();
          refine({ domain: domain.trim(), entries: entries.trim() });
        }}
      >
        <label class="field">
          <span>Domain</span>
          <input value={domain} onInput={(e) => setDomain(e.currentTarget.value)} required placeholder="shop" />
        </label>
        <label class="field grow">
          <span>Entries, in order: key=value</span>
          <input value={entries} onInput={(e) => setEntries(e.currentTarget.value)} required placeholder="message_type=marketing to_number=2061111111" />
        </label>
        <button class="primary">Explain</button>
      </form>
      <div class="answer" aria-live="polite">
        <Failure error={error} />
        {data?.descriptors.map((d, i) => (
          <Answer key={i} of={d} />
        ))}
      </div>
    </Card>
  );
}

function explainUrl(domain: string, entries: string): string {
  const query = new URLSearchParams([["domain", domain], ...entries.split(/\s+/).filter(Boolean).map((e) => ["entry", e])]);
  return `${address("/v1/explain")}?${query}`;
}

function Answer({ of }: { of: Explained }) {
  return (
    <>
      <p class={`verdict ${of.verdict === "refuse" ? "bad" : ""}`}>
        {kVerdicts[of.verdict]} {of.reason && <span class="muted">{of.reason}</span>}
      </p>
      <ol class="walk">
        {of.entries.map((e, i) => (
          <li key={i}>
            <code>
              {e.key}={e.value}
            </code>
            <span class="muted"> {e.match === undefined ? "was not looked at" : e.match === "nothing" ? "matches nothing" : `meets ${e.descriptor} (${e.match})`}</span>
          </li>
        ))}
      </ol>
      {of.rule && (
        <dl class="facts">
          <div>
            <dt>Rule</dt>
            <dd>
              <code>{of.rule.full_name}</code>
              {of.rule.shadow_mode && <span class="tag">shadow</span>}
            </dd>
          </div>
          <div>
            <dt>Limit</dt>
            <dd>{of.rule.limit}</dd>
          </div>
          {of.rule.file && (
            <div>
              <dt>Written in</dt>
              <dd>
                <Origin file={of.rule.file} line={of.rule.line} version={of.rule.version} />
              </dd>
            </div>
          )}
          {of.rule.buckets?.map((b) => (
            <div key={b.key + b.quota}>
              <dt>Bucket</dt>
              <dd>
                <code>{b.key}</code> <span class="muted">{b.quota}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}
