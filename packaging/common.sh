# What the scripts that pack BUILD into OUT ($1 and $2) begin with: $source, $build, $out, $version, a $work that goes at the end,
# and SOURCE_DATE_EPOCH, so that two builds of one commit make the same bytes.
set -euo pipefail
umask 022
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^project(sluice VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt")
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$source" log -1 --format=%ct 2>/dev/null || date +%s)}
