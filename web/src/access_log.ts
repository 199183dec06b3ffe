// Lines of an access log in the common or the combined format, as src/simulate/access_log.h reads them.
export type KeyName = "ip" | "user" | "path";
export interface LogEntry {
  host: string;
  user: string;
  request: string;
  second: number; // Since 1970, UTC.
}

const kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
// The end of the request is the first quote with a status behind it: old servers do not escape quotes.
const kLine =
  /^([^ ]+) [^ ]* (.+?) \[(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\] "(.*?)" \d{3} (?:-|\d+)(?: |$)/;

export function parseLine(line: string): LogEntry | undefined {
  const m = kLine.exec(line);
  if (!m) return undefined;
  const month = kMonths.indexOf(m[4]!);
  if (month < 0 || month % 3 !== 0) return undefined;
  const [day, year, hour, minute, second, zoneHour, zoneMinute] = [m[3], m[5], m[6], m[7], m[8], m[10], m[11]].map(Number) as number[];
  if (year! < 1970 || year! > 2105 || hour! > 23 || minute! > 59 || second! > 60 || zoneHour! > 15 || zoneMinute! > 59) return undefined;
  const date = new Date(Date.UTC(year!, month / 3, day));
  if (date.getUTCDate() !== day) return undefined; // The 31st of February.
  const east = (m[9] === "-" ? -1 : 1) * (zoneHour! * 3600 + zoneMinute! * 60);
  const at = date.getTime() / 1000 + hour! * 3600 + minute! * 60 + second! - east;
  return at < 0 ? undefined : { host: m[1]!, user: m[2]!, request: m[12]!, second: at };
}

/// Without query, scheme and host; "-" if the request line is none.
export function pathOf(request: string): string {
  const method = request.indexOf(" ");
  if (method < 0) return "-";
  let target = request.slice(method + 1);
  const version = target.lastIndexOf(" HTTP/");
  if (version >= 0) target = target.slice(0, version);
  target = target.replace(/^ +| +$/g, "");
  if (!target.startsWith("/")) {
    const scheme = target.indexOf("://");
    if (scheme >= 0) {
      const path = target.indexOf("/", scheme + 3);
      target = path < 0 ? "/" : target.slice(path);
    }
  }
  return target.split(/[?#]/, 1)[0] || "-";
}

export function keyOf(entry: LogEntry, by: KeyName): string | undefined {
  if (by === "ip") return entry.host;
  if (by === "path") return pathOf(entry.request);
  return entry.user === "-" ? undefined : entry.user;
}
