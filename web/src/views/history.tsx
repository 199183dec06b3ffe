import { Empty } from "../parts.tsx";
export function HistoryView() {
  return <Empty>…</Empty>;
}
