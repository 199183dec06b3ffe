import { Empty } from "../parts.tsx";
export function PoliciesView() {
  return <Empty>…</Empty>;
}
