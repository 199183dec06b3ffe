#!/usr/bin/env python3
"""The packages: what is in them, installed and removed in a copy of this system, started by its systemd: package_test.py BUILD

The copy is an overlay over / in namespaces of its own: nothing of it outlives the test. It needs root; where that or a tool is
missing, what needs it is skipped and says so.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv.pop(1)).resolve()
WAIT = 300  # Seconds, on a busy machine.
SYSTEM_LIBRARIES = {"linux-vdso.so.1", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

# Mounts an overlay at $ROOT/m, of which the script that follows may do what it likes; /out is the test's folder.
COPY = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$WORK"
mkdir "$WORK"/u "$WORK"/w "$WORK"/m
mount -t overlay overlay -o lowerdir=/,upperdir="$WORK"/u,workdir="$WORK"/w "$WORK"/m
R="$WORK"/m
mount -t proc proc $R/proc
mount -t tmpfs tmpfs $R/run
mount -t tmpfs tmpfs $R/tmp
mkdir -p $R/out
mount --bind "$OUT" $R/out
"""


def copies_are_possible():
    if os.getuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as work:
        return subprocess.run(["unshare", "-m", "bash", "-c", COPY], env={**os.environ, "WORK": work, "OUT": work}, capture_output=True,
                              timeout=WAIT, check=False).returncode == 0


COPIES = copies_are_possible()
SYSTEMD = Path("/lib/systemd/systemd")


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.out = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-package-")))
        for script in ("deb.sh", "tarball.sh"):
            subprocess.run([ROOT / "packaging" / script, BUILD, cls.out], check=True, timeout=WAIT, stdout=subprocess.DEVNULL)
        cls.deb = next(cls.out.glob("sluice_*.deb"))
        cls.out.chmod(0o755)

    def copy(self, script, *namespaces, wait=WAIT):
        with tempfile.TemporaryDirectory(prefix="sluice-copy-") as work:
            done = subprocess.run(["unshare", "-m", *namespaces, "bash", "-c", COPY + script], text=True, timeout=wait, capture_output=True,
                                  env={**os.environ, "WORK": work, "OUT": str(self.out), "DEB": f"/out/{self.deb.name}"}, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def inside(self, script):
        """Runs a script in the copy, with $DEB the server's package."""
        return self.copy(f"chroot $R bash -e <<'INSIDE'\n{script}\nINSIDE\n")

    def test_what_is_in_the_package(self):
        listed = subprocess.run(["dpkg-deb", "-c", self.deb], capture_output=True, text=True, check=True).stdout
        modes = {line.split()[5]: line.split()[:2] for line in listed.splitlines()}
        self.assertEqual({owner for _, owner in modes.values()}, {"root/root"})
        self.assertEqual(modes["./etc/default/sluice"][0], "-rw-------")
        for path in ("usr/bin/sluice", "lib/systemd/system/sluice.service", "usr/share/man/man1/sluice-serve.1.gz",
                     "usr/share/bash-completion/completions/sluice", "usr/share/doc/sluice/copyright"):
            self.assertIn("./" + path, modes)
        fields = subprocess.run(["dpkg-deb", "-f", self.deb], capture_output=True, text=True, check=True).stdout
        self.assertRegex(fields, r"Depends: .*libssl3.*adduser")
        version = re.search(r"project\(sluice VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertIn(f"Version: {version}\n", fields)

    def test_two_builds_are_the_same_bytes(self):
        again = self.out / "again"
        subprocess.run([ROOT / "packaging/deb.sh", BUILD, again], check=True, timeout=WAIT, stdout=subprocess.DEVNULL)
        self.assertEqual((again / self.deb.name).read_bytes(), self.deb.read_bytes())

    def test_the_default_files_are_valid(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["dpkg-deb", "-x", self.deb, folder], check=True)
            sluice = os.path.join(folder, "usr/bin/sluice")
            subprocess.run([sluice, "check", os.path.join(folder, "etc/sluice/limits.yaml")], check=True, stdout=subprocess.DEVNULL)
            text = Path(folder, "etc/sluice/sluice.yaml").read_text()
            known = subprocess.run([sluice, "serve", "--help"], capture_output=True, text=True, check=True).stdout
            for key in re.findall(r"^#?(\w+): ", text, re.M):
                self.assertIn(f"--{key.replace('_', '-')} ", known)

    @unittest.skipUnless(COPIES, "needs root and overlay mounts")
    def test_installed_kept_removed_purged(self):
        self.inside(r"""
            dpkg --no-triggers -i $DEB >/dev/null
            [ "$(stat -c '%U %a' /var/lib/sluice)" = 'sluice 700' ]
            [ "$(sluice version)" = "$(sluice version)" ] && sluice check /etc/sluice/limits.yaml
            echo 'limits: {mine: {quota: 1/s}}' > /etc/sluice/limits.yaml
            dpkg --no-triggers -i $DEB >/dev/null
            grep -q mine /etc/sluice/limits.yaml                   # An upgrade keeps what was changed,
            dpkg --no-triggers -r sluice >/dev/null
            ! [ -e /usr/bin/sluice ] && grep -q mine /etc/sluice/limits.yaml && [ -d /var/lib/sluice ]
            dpkg --no-triggers -i $DEB >/dev/null && [ -x /usr/bin/sluice ]
            dpkg --no-triggers -P sluice >/dev/null                              # and a purge nothing.
            ! [ -e /etc/sluice ] && ! [ -e /etc/default/sluice ] && ! [ -e /var/lib/sluice ]
            ! find /etc/systemd -name 'sluice*' | grep . """)

    @unittest.skipUnless(COPIES, "needs root and overlay mounts")
    def test_a_user_that_is_there_already_is_kept(self):
        """The image's own, with a number that no system user gets."""
        text = (ROOT / "packaging/container/Dockerfile").read_text().replace("\\\n", " ")
        makes_user = re.search(r"^RUN (groupadd .*? && useradd .*?) &&", text, re.M)[1]
        said = self.inside(f"{makes_user}\ndpkg --no-triggers -i $DEB >/dev/null\nid -u sluice; stat -c %u /var/lib/sluice")
        self.assertEqual(said.split(), ["10001", "10001"])

    @unittest.skipUnless(COPIES and shutil.which("gcc"), "needs root, overlay mounts and gcc")
    def test_the_librarys_packages(self):
        shutil.copy(ROOT / "examples/c/limiter.c", self.out)
        said = self.inside("dpkg --no-triggers -i /out/libsluice*.deb >/dev/null; ldconfig; cd /tmp; "
                           "gcc -std=c11 /out/limiter.c $(pkg-config --cflags --libs sluice) -o limiter; ./limiter")
        self.assertIn("bob: allowed, 1 left", said)

    @unittest.skipUnless(COPIES and shutil.which("systemd-analyze"), "needs root, overlay mounts and systemd-analyze")
    def test_systemd_finds_no_fault_with_the_units(self):
        said = self.inside("""
            dpkg --no-triggers -i $DEB >/dev/null 2>&1
            systemd-analyze verify sluice.service sluice-resp.socket sluice-http.socket sluice-grpc.socket 2>&1
            systemd-analyze security --offline=true --no-pager sluice.service | grep exposure""")
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertLess(float(re.search(r"service: ([\d.]+)", said)[1]), 2.0)

    @unittest.skipUnless(COPIES and SYSTEMD.exists(), "needs root, overlay mounts and systemd")
    def test_systemd_starts_it(self):
        """A systemd of its own, as process 1 of the copy: the unit with all of its hardening, reload, stop, and the sockets."""
        check = r"""#!/bin/bash
            exec >/out/said 2>&1
            state() { systemctl show -p ActiveState,StatusText --value sluice | sort | xargs; }
            systemctl start sluice;  echo "started: $(state)"
            sluice take example alice
            systemctl reload sluice; echo "reloaded: $(state)"
            systemctl stop sluice;   echo "stopped: $(state)"; stat -c '%U %a %n' /var/lib/sluice/buckets
            systemctl start sluice-resp.socket sluice-http.socket
            sluice peek example alice
            echo "by its socket: $(state)"
            systemctl restart sluice
            sluice take example alice
            grep -c CapEff:.*0000000000000000 /proc/$(systemctl show -p MainPID --value sluice)/status
            journalctl -u sluice -o cat --no-pager
            touch /out/done
        """
        (self.out / "check.sh").write_text(check)
        boot = """
            chroot $R dpkg --no-triggers -i $DEB >/dev/null 2>&1
            mount -t sysfs sysfs $R/sys
            mount -t cgroup2 cgroup2 $R/sys/fs/cgroup
            mount --rbind /dev $R/dev
            printf '[Service]\\nType=oneshot\\nExecStart=/bin/bash /out/check.sh\\n' >$R/etc/systemd/system/check.service
            printf '[Unit]\\nWants=check.service\\n' >$R/etc/systemd/system/check.target
            mkdir -p $R/old; cd $R; pivot_root . old; umount -l /old     # Not chroot: there no user namespace can be made.
            exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=check.target
        """
        with tempfile.TemporaryDirectory(prefix="sluice-copy-") as work:
            flags = ["-m", "-p", "-f", "-i", "-u", "-n", "-C", "--kill-child"]
            with open(self.out / "console", "w", encoding="utf-8") as console:
                process = subprocess.Popen(["unshare", *flags, "bash", "-c", "ip link set lo up 2>/dev/null\n" + COPY + boot], stdout=console,
                                           stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                                           env={**os.environ, "WORK": work, "OUT": str(self.out), "DEB": f"/out/{self.deb.name}"})
            try:
                until = time.monotonic() + WAIT
                while not (self.out / "done").exists() and process.poll() is None and time.monotonic() < until:
                    time.sleep(0.1)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(WAIT)
        if not (self.out / "said").exists():
            self.skipTest("this machine lets no second systemd run: " + (self.out / "console").read_text()[-300:])
        said = (self.out / "said").read_text()
        expected = (r"started: Serving active\n" r"allowed; 19 of 20 left.*\n" r"reloaded: Serving active\n" r"stopped: (?:Draining )?inactive\n"
                    r"sluice 600 /var/lib/sluice/buckets\n" r"allowed; \d+ of 20 left.*\n" r"by its socket: Serving active\n"
                    r"allowed; \d+ of 20 left.*\n" r"1\n")
        self.assertRegex(said, r"\A" + expected)
        self.assertNotIn("Operation not permitted", said)
        self.assertTrue((self.out / "done").exists(), said)

    def test_the_tarball_needs_the_c_library_alone(self):
        with tempfile.TemporaryDirectory(prefix="sluice-tar-") as folder:
            subprocess.run(["tar", "-xzf", next(self.out.glob("*.tar.gz")), "-C", folder], check=True)
            home = Path(folder, "else where")  # It may lie anywhere.
            next(Path(folder).iterdir()).rename(home)
            sluice = home / "bin/sluice"
            for line in subprocess.run(["ldd", sluice], capture_output=True, text=True, check=True).stdout.splitlines():
                name = os.path.basename(line.split()[0])
                self.assertTrue(name in SYSTEM_LIBRARIES or str(home) in line, line)
            socket = f"unix:{folder}/s"
            server = subprocess.Popen([sluice, "serve", "--resp", socket, "--http", "none", "--grpc", "none", "--limits", home / "etc/limits.yaml"],
                                      env={}, stdout=subprocess.PIPE, text=True)
            with server:
                self.assertEqual([server.stdout.readline() for _ in range(2)], [f"sluice: resp listening on {socket}\n", "sluice: ready\n"])
                said = subprocess.run([sluice, "take", "--server", socket, "example", "alice"], capture_output=True, text=True, env={}, check=True)
                self.assertIn("allowed; 19 of 20 left", said.stdout)
                server.terminate()
                self.assertEqual(server.wait(WAIT), 0)

    @unittest.skipUnless(COPIES, "needs root and mounts")
    def test_the_tarball_runs_where_there_is_nothing_else(self):
        """A root with the C library, /proc (which tells the loader where the program lies) and nothing besides: no shell, no /etc, no /dev."""
        with tempfile.TemporaryDirectory(prefix="sluice-bare-") as root:
            subprocess.run(["tar", "-xzf", next(self.out.glob("*.tar.gz")), "-C", root], check=True)
            next(Path(root).iterdir()).rename(Path(root, "sluice"))
            needed = subprocess.run(["ldd", *Path(root, "sluice/lib").iterdir(), Path(root, "sluice/bin/sluice")], capture_output=True, text=True, check=True)
            for path in set(re.findall(r"(/\S+) \(0x", needed.stdout)):
                if os.path.basename(path) in SYSTEM_LIBRARIES:
                    Path(root + os.path.dirname(path)).mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, root + path)
            for name in ("proc", "tmp"):
                Path(root, name).mkdir()
            script = 'mount --rbind /proc "$0/proc" && exec chroot "$0" /sluice/bin/sluice "$@"'
            inside = [shutil.which("unshare"), "-m", "/bin/bash", "-c", "PATH=/usr/sbin:/usr/bin:/sbin:/bin; " + script, root]
            server = subprocess.Popen([*inside, "serve", "--resp", "unix:/tmp/s", "--http", "127.0.0.1:0", "--grpc", "none", "--limits",
                                       "/sluice/etc/limits.yaml", "--snapshot", "/tmp/buckets"], env={}, stdout=subprocess.PIPE, text=True)
            with server:
                lines = [server.stdout.readline() for _ in range(3)]
                self.assertEqual(lines[2], "sluice: ready\n")
                said = subprocess.run([*inside, "take", "--server", "unix:/tmp/s", "example", "alice"], capture_output=True, text=True, env={}, check=True)
                self.assertIn("allowed; 19 of 20 left", said.stdout)
                with urllib.request.urlopen(f"http://{lines[1].split()[-1]}/ui", timeout=WAIT) as page:
                    self.assertIn(b"<title>Sluice</title>", page.read())
                server.terminate()
                self.assertEqual(server.wait(WAIT), 0)

    def test_the_tarball_states_licences(self):
        listed = subprocess.run(["tar", "-tzf", next(self.out.glob("*.tar.gz"))], capture_output=True, text=True, check=True).stdout
        told = set(re.findall(r"share/doc/([^/]+)/copyright", listed))
        self.assertLessEqual({"sluice", "libssl-dev", "zlib1g-dev", "libstdc++6"}, told)


if __name__ == "__main__":
    unittest.main(verbosity=2)
