#!/usr/bin/env bash
# tarball.sh BUILD OUT: a folder with the program that runs on any Linux with the C library of BUILD's machine or a later one,
# packed as OUT/sluice-VERSION-linux-MACHINE.tar.gz.
#
# What Debian has as a static library is linked in: TLS, protobuf, HTTP/2, regular expressions, YAML, zlib. The others lie
# beside it in lib/, and the C++ runtime with them: they share it, so the program must not have one of its own.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

name="sluice-$version-linux-$(uname -m)"
root="$work/$name"
system='^(linux-vdso|ld-linux|libc|libm|libpthread|libdl|librt)[-.]'

link() {  # The build's own link command, with other libraries and another output.
  local command shared static
  command=$(ninja -C "$build" -t commands sluice_program | grep -- ' -o sluice ' | tail -1)
  for shared in $(grep -o '/[^ ]*/lib[^ ]*\.so[^ ]*' <<<"$command" | sort -u); do
    static="${shared%%.so*}.a"
    [ -f "$static" ] && command=${command//"$shared"/"$static"}
  done
  local options="-s -Wl,--disable-new-dtags -Wl,-rpath,'\$ORIGIN/../lib'"  # Not RUNPATH: it holds for the libraries as well.
  (cd "$build" && bash -c "${command/ -o sluice / -o $root/bin/sluice $options }")
}

bundle() {
  local soname arrow path rest
  ldd "$root/bin/sluice" | while read -r soname arrow path rest; do
    [ "$arrow" = '=>' ] && ! grep -Eq "$system" <<<"$soname" || continue
    install -m 644 "$path" "$root/lib/$soname"
    strip --strip-unneeded "$root/lib/$soname"
  done
}

# What the owners say of their work, of Sluice and of what is linked in or lies in lib/, as Debian has it.
licences() {
  local file package
  install -D -m 644 "$source/packaging/deb/copyright" "$root/share/doc/sluice/copyright"
  {
    sed -n '/^# build/,/^# tests/p' "$source/packages.txt" | grep -- '-dev$' | grep -v '^dpkg'
    for file in "$root"/lib/*; do dpkg -S "*/${file##*/}" | sed 's/:.*//'; done
  } | sort -u | while read -r package; do
    install -D -m 644 "/usr/share/doc/$package/copyright" "$root/share/doc/$package/copyright"
  done
}

mkdir -p "$root"/{bin,lib,etc,share}
link
bundle
licences
cp -r "$source/packaging/systemd" "$root/share/systemd"
mkdir -p "$root/share/monitoring"
cp "$source"/packaging/prometheus/alerts.yaml "$source"/packaging/grafana/sluice.json "$root/share/monitoring"
cp "$source"/packaging/etc/*.yaml "$root/etc"
mkdir -p "$root/share/man/man1" "$root/share/bash-completion/completions"
"$root/bin/sluice" help --man-pages "$root/share/man/man1"
"$root/bin/sluice" completion bash >"$root/share/bash-completion/completions/sluice"
cat >"$root/README" <<TEXT
Sluice $version. bin/sluice serve starts the server; bin/sluice help tells the rest, as do the manual pages in share/man.
The licences of what is in it are in share/doc.
bin/ and lib/ stay side by side; they may lie anywhere. From the system the program needs the C library alone ($(ldd --version | sed -n '1s/.* //p') or later).
TEXT
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
echo "$out/$name.tar.gz"
