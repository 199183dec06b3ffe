#!/usr/bin/env python3
"""Runs every sample of README.md, docs/*.md and docs/guides/*.md. Usage: docs_test.py SLUICE LIBSLUICE [FILE...]

Which blocks are samples:

    ```console   lines that begin with "$ " are commands; what follows is what they print (standard output and error).
    ```sh        a script; it must succeed.
    ```cpp       under <!-- compile -->: compiled against the library and run.
    ```yaml      under <!-- file: NAME -->: written to NAME for the samples of the same document.

In expected output "…" stands for any text within a line and a line "..." for any lines. A block under
<!-- not run: reason --> is left alone. Other blocks (no language) are illustrations.

Each document has a folder of its own with examples/ in it, and a server of its own, started with the document's
limits.yaml if it has one. Samples name the default ports; here they are replaced by free ones. redis-cli answers as on a
terminal. Links to files of the project must lead somewhere.
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

from harness import SLUICE, Server, environment

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
LIBRARY = os.path.abspath(sys.argv.pop(1))
WAIT = 60
LIMITS = "limits:\n  login: {quota: 5/min burst 10}\n  api: {quotas: [100/s burst 200, 10000/h]}\n  upload: {quota: 10MB/s burst 50MB, on: bytes}\n"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
MARK = re.compile(r"<!-- *(not run|file|compile)(?:: *(.*?))? *-->\s*\Z")


class Block:
    def __init__(self, path, text, found):
        self.language, self.body = found[1], found[2]
        self.place = f"{path}:{text.count(chr(10), 0, found.start()) + 1}"
        mark = MARK.search(text, 0, found.start())
        self.mark, self.words = (mark[1], mark[2]) if mark else (None, None)


def blocks(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        text = f.read()
    return [Block(path, text, found) for found in BLOCK.finditer(text)]


def steps(body):
    """(command, expected output) of a console block. A command that ends in a backslash goes on in the next line."""
    command, output, result, more = None, [], [], False
    for line in body.splitlines():
        if more:
            command += "\n" + line
        elif line.startswith("$ "):
            if command is not None:
                result.append((command, "\n".join(output)))
            command, output = line[2:], []
        elif command is None:
            raise AssertionError(f"output before any command: {line!r}")
        else:
            output.append(line)
            continue
        more = line.endswith("\\")
    return result + [(command, "\n".join(output))]


def pattern(expected):
    lines = []
    for line in expected.strip().splitlines():
        lines.append(r"(?:.*\n)*" if line.strip() == "..." else ".*".join(map(re.escape, line.rstrip().split("…"))) + r"[ \t]*\n")
    return re.compile("".join(lines))


class Document:
    def __init__(self, path):
        self.path, self.blocks = path, blocks(path)
        self.folder = tempfile.TemporaryDirectory()
        os.symlink(os.path.join(ROOT, "examples"), os.path.join(self.folder.name, "examples"))
        tools = os.path.join(self.folder.name, "bin")
        os.mkdir(tools)
        os.symlink(SLUICE, os.path.join(tools, "sluice"))
        self.write("limits.yaml", LIMITS)
        self.write("bin/redis-cli", '#!/bin/sh\nPATH="${PATH#*:}" exec redis-cli --no-raw "$@"\n')
        os.chmod(os.path.join(tools, "redis-cli"), 0o755)
        for block in self.blocks:
            if block.mark == "file":
                self.write(block.words, block.body)
        self.server = Server("--limits", "limits.yaml", cwd=self.folder.name, http="127.0.0.1:0")
        self.ports = {door: address.rsplit(":", 1)[1] for door, address in self.server.addresses.items()}

    def write(self, name, text):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as f:
            f.write(text)

    def here(self, command):
        """The command with this server's ports."""
        return command.replace("6380", self.ports["resp"]).replace("8080", self.ports["http"])

    def run(self, command):
        here = environment(PATH=os.path.join(self.folder.name, "bin") + ":" + os.environ["PATH"], COLUMNS="120",
                           SLUICE_SERVER=self.server.addresses["resp"])
        return subprocess.run(["bash", "-c", command], cwd=self.folder.name, env=here, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=WAIT)

    def end(self):
        with self.server:
            self.server.end()
        self.folder.cleanup()


class Samples(unittest.TestCase):
    def one(self, path):
        document = Document(path)
        try:
            for block in document.blocks:
                with self.subTest(block.place):
                    self.block(document, block)
        finally:
            document.end()

    def block(self, document, block):
        if block.mark == "not run":
            self.assertTrue(block.words, "a reason is wanted: <!-- not run: reason -->")
        elif block.mark == "compile":
            self.compile(document, block)
        elif block.language == "sh":
            done = document.run("set -e\n" + document.here(block.body))
            self.assertEqual(done.returncode, 0, done.stdout)
        elif block.language == "console":
            for command, expected in steps(block.body):
                printed = document.run(document.here(command)).stdout
                told = "\n".join(line.rstrip() for line in printed.strip().splitlines())
                if not pattern(expected).fullmatch(told + "\n" if told else ""):
                    self.fail(f"$ {command}\nprinted:\n{told}\nand not:\n{expected}")

    def compile(self, document, block):
        source = os.path.join(document.folder.name, "sample.cc")
        document.write("sample.cc", block.body)
        built = subprocess.run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(ROOT, "include"), source, LIBRARY,
                                "-o", source[:-3], "-pthread"], capture_output=True, text=True, timeout=WAIT * 5)
        self.assertEqual(built.returncode, 0, built.stderr)
        done = subprocess.run([source[:-3]], capture_output=True, text=True, timeout=WAIT)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_links_lead_somewhere(self):
        for path in DOCUMENTS:
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", f.read()):
                    with self.subTest(path + " -> " + target):
                        self.assertTrue(os.path.exists(os.path.join(ROOT, os.path.dirname(path), target)))

    def test_tests_that_are_named_exist(self):
        """Documents name tests as `Suite.Name` or `file_test.py`."""
        suites, files = set(), set()
        for folder, _, names in os.walk(ROOT):
            if "/build" in folder or "/.git" in folder or "node_modules" in folder:
                continue
            files.update(names)
            for name in names:
                if name.endswith("_test.cc"):
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        suites.update(".".join(pair) for pair in re.findall(r"^TEST(?:_F)?\((\w+),\s*(\w+)\)", f.read(), re.M))
        for path in DOCUMENTS:
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                text = f.read()
            for named in re.findall(r"`([A-Z]\w*[a-z]\w*\.[A-Z]\w*[a-z]\w*)`", text):
                with self.subTest(path + ": " + named):
                    self.assertTrue(named in suites)
            for named in re.findall(r"`(\w+_test\.(?:py|cc))`", text):
                with self.subTest(path + ": " + named):
                    self.assertTrue(named in files)


DOCUMENTS = sys.argv[1:] or ["README.md", *sorted(f"{folder}/{name}" for folder in ("docs", "docs/guides")
                                                  for name in os.listdir(os.path.join(ROOT, folder)) if name.endswith(".md"))]
for document_path in DOCUMENTS:
    setattr(Samples, "test_" + re.sub(r"\W", "_", document_path), lambda self, path=document_path: self.one(path))

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
