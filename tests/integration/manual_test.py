#!/usr/bin/env python3
"""`sluice help`, the manual pages and docs/commands.md, which are written from the same definitions: manual_test.py SLUICE"""
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import WAIT, run

COMMANDS_MD = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def commands():
    listed = run("--help")[1].split("Subcommands:\n")[1]
    return re.findall(r"^  ([a-z-]+) ", listed, re.M)


class ManualTest(unittest.TestCase):
    def test_help_is_what_each_command_says_itself(self):
        self.assertEqual(run("help"), run("--help"))
        self.assertGreater(len(commands()), 10)
        for command in commands():
            with self.subTest(command):
                self.assertEqual(run("help", command), run(command, "--help"))

    def test_a_command_that_is_none(self):
        self.assertEqual(run("help", "tke"), (2, "", 'sluice: no subcommand is called "tke" (did you mean "take"?); sluice --help lists them\n'))
        code, _, error = run("help", "--man-pages", "/nowhere/at/all")
        self.assertEqual(code, 2)
        self.assertIn("does the folder exist?", error)

    def test_commands_md_is_up_to_date(self):
        self.assertEqual(COMMANDS_MD.read_text(), run("help", "--markdown")[1],
                         "run: build/release/sluice help --markdown > docs/commands.md")

    def test_a_page_for_each_command_without_a_warning(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run("help", "--man-pages", folder)[0], 0)
            self.assertEqual(sorted(os.listdir(folder)), sorted(["sluice.1", *(f"sluice-{c}.1" for c in commands())]))
            pages = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
            for page in pages:
                done = subprocess.run(["groff", "-man", "-ww", "-z", "-k", "-Tutf8", page], capture_output=True, text=True, timeout=WAIT)
                self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def test_a_page_tells_of_every_option_and_cuts_no_text(self):
        for command in commands():
            text = run("help", "--man", command)[1]
            shown = subprocess.run(["groff", "-man", "-k", "-Tascii", "-P-cbou", "-rLL=1000n"], input=text, capture_output=True, text=True,
                                   timeout=WAIT).stdout
            help_text = run(command, "--help")[1]
            for option in re.findall(r"^  (?:-\w,)?(--[\w-]+)", help_text, re.M):
                self.assertIn(option, shown, command)
            for example in re.findall(r"^  (sluice .*)$", help_text, re.M):
                self.assertIn(example, shown, command)
        self.assertIn(r"'%s\en'", run("help", "--man", "eval")[1])

    def test_completion_offers_every_option_of_every_command(self):
        ask = run("completion", "bash")[1] + '\ncomplete() { COMP_WORDS=(sluice "$@"); COMP_CWORD=$#; COMPREPLY=(); _sluice; echo "${COMPREPLY[@]}"; }\n'
        asked = [("",), ("help", ""), *((command, "-") for command in commands())]
        script = ask + "".join(f"complete {' '.join(repr(w) for w in words)}\n" for words in asked)
        lines = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=WAIT).stdout.split("\n")
        offered = dict(zip(asked, (set(line.split()) for line in lines)))
        self.assertLessEqual(set(commands()), offered[("",)])
        self.assertEqual(set(commands()), offered[("help", "")])
        for command in commands():
            told = set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", run(command, "--help")[1], re.M))
            self.assertEqual(told, offered[(command, "-")], command)


if __name__ == "__main__":
    unittest.main(verbosity=2)
