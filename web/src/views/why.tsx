import { Empty } from "../parts.tsx";
export function WhyView() {
  return <Empty>…</Empty>;
}
