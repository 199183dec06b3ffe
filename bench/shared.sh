#!/usr/bin/env bash
# The shared store against a redis-server of its own: that on one core, this process on another.
set -euo pipefail
folder=$(mktemp -d)
taskset -c 0 redis-server --port 0 --unixsocket "$folder/s" --save '' --dir "$folder" --logfile "$folder/log" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$folder"' EXIT
until [ -S "$folder/s" ]; do sleep 0.05; done
taskset -c "$(($(nproc) > 1))" build/release/bench/shared_bench "$folder/s" "$@"
