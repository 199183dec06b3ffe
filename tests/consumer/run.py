#!/usr/bin/env python3
"""Installs a build, then configures, builds and runs a program against it, and the samples of docs/library.md.

    run.py CMAKE BUILD_DIRECTORY CXX_COMPILER

A sample is a fenced block that opens with ```cpp run. Its includes are lifted out, the rest becomes main(). Where the next
block opens with ```text, that is what the sample must print.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "library.md"
BLOCK = re.compile(r"^```cpp run\n(.*?)^```\n(?:\s*```text\n(.*?)^```\n)?", re.M | re.S)


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=240, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def write_samples(folder):
    """The samples as files; {name: what it must print}."""
    folder.mkdir(parents=True)
    expected = {}
    text = PAGE.read_text()
    for code, output in BLOCK.findall(text):
        line = text[:text.index(code)].count("\n") + 1
        lines = code.splitlines()
        includes = [x for x in lines if x.startswith("#include")]
        body = [x if not x.startswith("#include") else "" for x in lines]
        name = f"library_md_{line}"
        (folder / f"{name}.cc").write_text("\n".join(
            [*includes, "using namespace std::chrono_literals;", "int main() {", f'#line {line + 1} "{PAGE}"', *body, "}", ""]))
        expected[name] = output
    return expected


def main(cmake, build, compiler):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prefix, out = root / "installed", root / "build"
        run(cmake, "--install", build, "--prefix", prefix)
        samples = write_samples(out / "samples")
        if not samples:
            sys.exit(f"{PAGE}: no block opens with ```cpp run")
        run(cmake, "-S", HERE, "-B", out, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Debug")
        run(cmake, "--build", out, "-j", os.cpu_count() or 1)
        print(run(out / "consumer"), end="")
        for name, expected in samples.items():
            printed = run(out / name)
            if expected and printed != expected:
                sys.exit(f"{PAGE}: the sample {name} prints\n{printed}instead of\n{expected}")
        print(f"{PAGE.name}: {len(samples)} samples compile, run, and print what the page says")


if __name__ == "__main__":
    main(*sys.argv[1:])
