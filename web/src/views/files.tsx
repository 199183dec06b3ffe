// The files of limits and policies in force: their versions, their rules, and the text that was read.
import { address, getJson, useAsked } from "../api.ts";
import { bytes, count, moment } from "../format.ts";
import { Card, Copy, Empty, Failure } from "../parts.tsx";
import { link, refine, usePlace } from "../route.ts";

interface Rule {
  rule: string;
  domain: string;
  line: number;
  limit: string;
  mode: "enforce" | "shadow";
}
interface File {
  file: string;
  kind: "limits" | "policies";
  version: string;
  loaded: number;
  bytes: number;
  rules_total: number;
  rules: (Rule | { name: string })[]; // Rules of policies, or limits as /v1/limits tells them.
  text?: string | null;
}
const useFiles = (file?: string, every = 0) =>
  useAsked(file === "" ? "" : address("/v1/policies", { file }), (url, signal) => getJson<{ files: File[] }>(url, signal), every);

export function Files() {
  const { data, error } = useFiles(undefined, 10_000);
  const shown = usePlace().query.get("file") ?? "";
  return (
    <>
      <Card title="Files in force">
        <Failure error={error} />
        {data?.files.length === 0 && (
          <Empty>
            None. Name some: <code>sluice serve --limits limits.yaml --policies DIR</code>
          </Empty>
        )}
        {data && data.files.length > 0 && <FileTable files={data.files} shown={shown} />}
        {shown && <Text file={shown} version={data?.files.find((f) => f.file === shown)?.version} />}
      </Card>
      <Rules files={data?.files.filter((f) => f.kind === "policies")} error={error} />
    </>
  );
}

function FileTable({ files, shown }: { files: File[]; shown: string }) {
  return (
    <div class="scroll">
      <table class="files">
        <thead>
          <tr>
            <th>file</th>
            <th class="wide-only">of</th>
            <th>version</th>
            <th class="wide-only">loaded</th>
            <th class="number">rules</th>
            <th class="number wide-only">size</th>
          </tr>
        </thead>
        <tbody>
          {files.map((f) => (
            <tr key={f.file} class={f.file === shown ? "chosen" : ""} data-file={f.file}>
              <th scope="row" class="path">
                <button type="button" class="row" aria-expanded={f.file === shown} onClick={() => refine({ file: f.file === shown ? "" : f.file })} title={`${f.file}: show its text`}>
                  {f.file}
                </button>
              </th>
              <td class="wide-only muted">{f.kind}</td>
              <td class="mono">{f.version}</td>
              <td class="wide-only muted">{moment(f.loaded)}</td>
              <td class="number">{count(f.rules_total)}</td>
              <td class="number wide-only muted">{bytes(f.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/// Asked again when the version in force is another.
function Text({ file, version }: { file: string; version?: string }) {
  return <TextOf key={version} file={file} />;
}
function TextOf({ file }: { file: string }) {
  const { data, error } = useFiles(file);
  const found = data?.files[0];
  const text = found?.text;
  return (
    <div class="text">
      <Failure error={error} />
      {text === null && <Empty>The file is too long to be shown here.</Empty>}
      {text !== undefined && text !== null && (
        <>
          <p class="note">
            As it was read at {moment(found!.loaded)}. What was changed since and refused is not in it. <Copy text={text} />
          </p>
          <pre class="numbered" tabIndex={0} aria-label={`Text of ${file}`}>
            {text.replace(/\n$/, "").split("\n").map((line, i) => (
              <span key={i}>{line + "\n"}</span>
            ))}
          </pre>
        </>
      )}
    </div>
  );
}

function Rules({ files, error }: { files?: File[]; error?: Error }) {
  const total = files?.reduce((n, f) => n + f.rules_total, 0) ?? 0;
  return (
    <Card title="Policies" aside={total > 0 && <span>{count(total)} rules in force</span>}>
      <Failure error={error} />
      {files?.length === 0 && (
        <Empty>
          None. Envoy's rate limit service asks by them: <code>sluice serve --policies DIR</code>
        </Empty>
      )}
      {files?.map((file) => (
        <RulesOf key={file.file} file={file} />
      ))}
    </Card>
  );
}

function RulesOf({ file }: { file: File }) {
  const rules = file.rules as Rule[];
  const more = file.rules_total - rules.length;
  return (
    <>
      <p class="muted origin">
        domain <b>{rules[0]?.domain}</b>, <Origin file={file.file} version={file.version} />
      </p>
      <table class="rules">
        <tbody>
          {rules.map((r, i) => (
            <tr key={i}>
              <th scope="row" class="mono">
                {r.rule}
                {r.mode === "shadow" && <span class="tag">shadow</span>}
              </th>
              <td class={/refuses/.test(r.limit) ? "refused" : ""}>
                {r.limit} <span class="faint wide-only">line {r.line}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p class="note">{count(more)} more; the file's text has all of them.</p>}
    </>
  );
}

/// Which file, and which version of it, something is from.
export function Origin(props: { file: string; line?: number; version?: string }) {
  return (
    <>
      <a href={link("policies", { file: props.file })}>{props.file}</a>
      {props.line !== undefined && `, line ${props.line}`}
      {props.version && (
        <>
          {" "}
          <span class="muted mono">{props.version}</span>
        </>
      )}
    </>
  );
}
