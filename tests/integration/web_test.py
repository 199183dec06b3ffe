#!/usr/bin/env python3
"""The dashboard: what is kept in web/dist is what web/src builds, and what it shows in a real Chromium: web_test.py SLUICE

The tests themselves are web/tests, run by Node.js. Without Chromium those of the page are skipped, and say so.
"""
import filecmp
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from harness import SLUICE, WAIT, environment

WEB = Path(__file__).resolve().parents[2] / "web"


@unittest.skipUnless((WEB / "node_modules").is_dir(), "the npm packages of web/ are not here: ./dev setup")
class Web(unittest.TestCase):
    def test_dist_is_what_the_sources_build(self):
        with tempfile.TemporaryDirectory() as folder:
            for command in (["tsc", "--noEmit"], ["vite", "build", "--outDir", folder, "--emptyOutDir"]):
                done = subprocess.run([WEB / "node_modules" / ".bin" / command[0], *command[1:]], cwd=WEB, env=environment(), capture_output=True,
                                      text=True, timeout=WAIT * 10)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            built = sorted(p.name for p in Path(folder).iterdir())
            self.assertEqual(built, sorted(p.name for p in (WEB / "dist").iterdir()))
            self.assertEqual(filecmp.cmpfiles(folder, WEB / "dist", built, shallow=False)[1:], ([], []), "run: ./dev web")

    def test_in_a_browser(self):
        tests = sorted(str(p.relative_to(WEB)) for p in (WEB / "tests").glob("*.test.mjs"))
        done = subprocess.run(["node", "--test", *tests], cwd=WEB, env=environment(SLUICE=SLUICE), capture_output=True, text=True, timeout=WAIT * 18)
        self.assertEqual(done.returncode, 0, done.stdout[-12000:] + done.stderr[-2000:])
        self.assertRegex(done.stdout, r"(?m)^(#|ℹ) pass [1-9]\d*$")
        for skipped in sorted(set(re.findall(r"# SKIP (.+)", done.stdout))):
            print("skipped:", skipped)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
