#!/usr/bin/env bash
# Instructions a decision, counted by callgrind: the figure that no neighbour disturbs. Compared with instructions.txt, which
# `bench/run instructions update` writes anew. They depend on the compiler: the figures kept are g++ 12's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kept=bench/instructions.txt
tolerance=5  # Percent.
few=16384 many=49152

count() {  # count WHAT N: instructions of one whole run
  valgrind --tool=callgrind --callgrind-out-file=/dev/null build/release/bench/probe "$1" "$2" 2>&1 | sed -n 's/.*Collected : *//p'
}

new=$(mktemp); trap 'rm -f "$new"' EXIT
failed=0
for what in bucket single spans insert parse; do
  each=$(( ($(count "$what" "$many") - $(count "$what" "$few")) / (many - few) ))
  echo "$what $each" >> "$new"
  expected=$(sed -n "s/^$what //p" "$kept" 2>/dev/null || true)
  if [ -z "$expected" ] || [ "${1:-}" = update ]; then
    echo "$what: $each instructions"
  elif [ $((each * 100)) -gt $((expected * (100 + tolerance))) ]; then
    failed=1
    printf 'RESULT\tinstructions: %s\t%s\t%s + %s %%\tNO\n' "$what" "$each" "$expected" "$tolerance"
  else
    printf 'RESULT\tinstructions: %s\t%s\t%s + %s %%\tyes\n' "$what" "$each" "$expected" "$tolerance"
  fi
done
if [ "${1:-}" = update ]; then cp "$new" "$kept"; fi
exit $failed
