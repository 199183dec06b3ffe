import { Empty } from "../parts.tsx";
export function WhatIfView() {
  return <Empty>…</Empty>;
}
