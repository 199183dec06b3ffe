#!/usr/bin/env bash
# deb.sh BUILD OUT: what BUILD holds as Debian packages in OUT: sluice (the server), libsluice1 and libsluice-dev.
#
# Plain dpkg-deb: what CPack would have to be told (conffiles, scripts, three packages of one build) is as much text as this.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

abi=$(sed -n 's/^#define SLUICE_ABI //p' "$source/include/sluice.h")
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-Sluice maintainers} <${DEBEMAIL:-sluice@localhost}>"

stage() { cmake --install "$build" --prefix "$1/usr" --component "$2" --strip >/dev/null; }

# What a package's programs need, as Debian's own packages say it.
libraries() {
  mkdir -p "$work/debian"
  printf 'Source: sluice\n\nPackage: sluice\nArchitecture: any\n' >"$work/debian/control"
  (cd "$work" && dpkg-shlibdeps -O "$@" 2>/dev/null) | sed 's/^shlibs:Depends=//'
}

# finish NAME SECTION DEPENDS TITLE WORDS: the control files of what lies in $work/NAME, and the package.
finish() {
  local name=$1 section=$2 depends=$3 title=$4 words=$5 root="$work/$1"
  local doc="$root/usr/share/doc/$name"
  mkdir -p "$doc" "$root/DEBIAN"
  install -m 644 "$source/packaging/deb/copyright" "$doc/copyright"
  printf 'sluice (%s) stable; urgency=medium\n\n  * Built from source.\n\n -- %s  %s\n' "$version" "$maintainer" \
    "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"
  cat >"$root/DEBIAN/control" <<CONTROL
Package: $name
Source: sluice
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Section: $section
Priority: optional
Installed-Size: $(du -sk --exclude DEBIAN "$root" | cut -f 1)
Depends: $depends
Description: $title
$(fold -s -w 76 <<<"$words" | sed 's/ *$//; s/^/ /')
CONTROL
  (cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\n' | LC_ALL=C sort | xargs md5sum >DEBIAN/md5sums)
  dpkg-deb --root-owner-group -Zxz --build "$root" "$out/${name}_${version}_$architecture.deb" >/dev/null
  echo "$out/${name}_${version}_$architecture.deb"
}

server() {
  local root="$work/sluice"
  stage "$root" server
  gzip -9n "$root"/usr/share/man/man1/*.1
  install -d "$root/etc/sluice/policies" "$root/etc/default" "$root/lib/systemd/system" "$root/DEBIAN"
  install -m 644 "$source"/packaging/etc/*.yaml "$root/etc/sluice"
  install -m 600 "$source/packaging/etc/default" "$root/etc/default/sluice"
  install -m 644 "$source"/packaging/systemd/* "$root/lib/systemd/system"
  install -D -m 644 -t "$root/usr/share/sluice" "$source"/packaging/prometheus/alerts.yaml "$source"/packaging/grafana/sluice.json
  install -m 755 "$source"/packaging/deb/{postinst,prerm,postrm} "$root/DEBIAN"
  (cd "$root" && find etc -type f -printf '/%p\n' | LC_ALL=C sort) >"$root/DEBIAN/conffiles"
  finish sluice net "$(libraries "$root/usr/bin/sluice"), adduser" "exact token bucket rate limiter" \
    "A server that answers one question: may this request go now? Redis clients ask it over RESP, Envoy over gRPC, everything else over HTTP. Buckets live in its memory, or in a Redis or Valkey that many servers share."
}

library() {
  local root="$work/libsluice$abi"
  stage "$root" library
  mkdir -p "$root/DEBIAN"
  echo "libsluice $abi libsluice$abi (>= $version)" >"$root/DEBIAN/shlibs"
  echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
  finish "libsluice$abi" libs "$(libraries "$root"/usr/lib/libsluice.so.*.*)" "exact token bucket rate limiter, the library" \
    "Token buckets inside a program, exact and without a lock, for C and for every language that can call C."
}

development() {
  local root="$work/libsluice-dev"
  stage "$root" development
  finish libsluice-dev libdevel "libsluice$abi (= $version)" "exact token bucket rate limiter, for development" \
    "The headers for C and C++20, the static library for C++, and what CMake and pkg-config want to know."
}

server
library
development
