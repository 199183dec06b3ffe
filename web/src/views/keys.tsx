import { Empty } from "../parts.tsx";
export function KeysView() {
  return <Empty>…</Empty>;
}
