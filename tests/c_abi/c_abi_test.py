#!/usr/bin/env python3
"""The C interface as others meet it: an installed tree, C11, pkg-config, and the examples in each language.

    c_abi_test.py CMAKE BUILD_DIRECTORY

Where a language's tools are missing, its example is skipped and says what is.
"""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLES = ROOT / "examples"
CLIENTS = ROOT / "tests" / "clients"
CMAKE, BUILD = sys.argv[1:3]
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
PRINTED = re.compile(r"""libsluice ABI 1
quota '2/fortnight': unknown period 'fortnight': use .*
alice: allowed, 1 left
alice: allowed, 0 left
alice: refused, try again in 1[78]\d\d s
bob: allowed, 1 left
""")


class CAbi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sluice-c-")))
        cls.prefix = cls.root / "installed"
        subprocess.run([CMAKE, "--install", BUILD, "--prefix", cls.prefix], check=True, capture_output=True, timeout=120)
        cls.library = next(cls.prefix.glob("lib*/**/libsluice.so.1"))
        cls.here = {**os.environ, "PKG_CONFIG_PATH": str(next(cls.prefix.glob("**/pkgconfig"))), "SLUICE_LIBRARY": str(cls.library),
                    "LD_LIBRARY_PATH": str(cls.library.parent)}

    def run_here(self, *command, cwd=None, **more):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=240, cwd=cwd or self.root,
                              env={**self.here, **more})
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def flags(self, package):
        return self.run_here("pkg-config", "--cflags", "--libs", package).split()

    def test_every_function_from_c11(self):
        self.run_here("gcc", "-std=c11", *STRICT, HERE / "whole.c", *self.flags("sluice"), "-o", "whole")
        self.assertEqual(self.run_here("./whole"), "")

    def test_whole_c_calls_every_function(self):
        text = (HERE / "whole.c").read_text()
        self.assertEqual([name for name in self.declared() if name not in text], [])

    def test_the_header_is_cpp_as_well(self):
        (self.root / "both.cc").write_text("#include <sluice.h>\n#include <sluice/sluice.h>\nint main() { return sluice_abi() - SLUICE_ABI; }\n")
        self.run_here("g++", "-std=c++20", *STRICT, "both.cc", *self.flags("sluice"), "-o", "both")
        self.run_here("./both")

    def test_cpp_by_pkg_config(self):
        self.run_here("g++", "-std=c++20", "-Wall", "-Werror", ROOT / "tests/consumer/main.cc", *self.flags("sluice++"), "-o", "cpp")
        self.assertIn("all is well", self.run_here("./cpp", LD_LIBRARY_PATH=""))

    def declared(self):
        return sorted(re.findall(r"^SLUICE_API [\w \*]*?(sluice_\w+)\(", (ROOT / "include/sluice.h").read_text(), re.M))

    def test_what_is_exported_is_what_the_header_declares(self):
        lines = self.run_here("nm", "-D", "--defined-only", self.library).splitlines()
        exported = sorted(line.split()[2].split("@")[0] for line in lines if line.split()[1] != "A")
        self.assertGreater(len(exported), 30)
        self.assertEqual(exported, self.declared())

    def test_the_library_needs_only_the_runtime(self):
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", self.run_here("readelf", "-d", self.library)))
        self.assertLessEqual(needed, {"libstdc++.so.6", "libgcc_s.so.1", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2",
                                      "ld-linux-aarch64.so.1"})

    def test_version_is_the_projects(self):
        version = re.search(r"project\(sluice VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertEqual(self.run_here("pkg-config", "--modversion", "sluice").strip(), version)
        self.assertEqual(self.run_here(sys.executable, "-c", "import ctypes, os; lib = ctypes.CDLL(os.environ['SLUICE_LIBRARY']); "
                                       "lib.sluice_version.restype = ctypes.c_char_p; print(lib.sluice_version().decode())").strip(), version)

    def test_c_example(self):
        self.run_here("gcc", "-std=c11", *STRICT, EXAMPLES / "c/limiter.c", *self.flags("sluice"), "-o", "c_example")
        self.assertRegex(self.run_here("./c_example"), PRINTED)

    def test_python_example(self):
        self.assertRegex(self.run_here(sys.executable, EXAMPLES / "python/sluice_limiter.py"), PRINTED)

    def test_python_binding(self):
        os.environ["SLUICE_LIBRARY"] = str(self.library)
        spec = importlib.util.spec_from_file_location("sluice_limiter", EXAMPLES / "python/sluice_limiter.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        limiter = module.Limiter("5/h", "3/day burst 4")
        self.assertEqual([limiter.take(b"\0k", 2).allowed for _ in range(3)], [True, True, False])
        self.assertEqual(limiter.refund(b"\0k", 1).remaining, 1)
        self.assertEqual(limiter.peek(b"\0k", 9).retry_after, float("inf"))
        for wrong in (lambda: module.Limiter(), lambda: module.Limiter("1"), lambda: limiter.take("a", -1)):
            self.assertRaises(ValueError, wrong)

    @unittest.skipUnless(shutil.which("node") and (CLIENTS / "node_modules/koffi").is_dir(), "needs node, and npm ci in tests/clients")
    def test_node_example(self):
        shutil.copy(EXAMPLES / "node/limiter.mjs", self.root)
        self.assertRegex(self.run_here("node", "limiter.mjs", NODE_PATH=str(CLIENTS / "node_modules")), PRINTED)

    @unittest.skipUnless(shutil.which("go"), "apt-get install golang-go")
    def test_go_example(self):
        self.run_here("go", "build", "-o", self.root / "go_example", ".", cwd=EXAMPLES / "go", GOCACHE=str(self.root / "cache"),
                      GOFLAGS="-mod=mod", CGO_ENABLED="1")
        self.assertRegex(self.run_here("./go_example"), PRINTED)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
