"""The library logs what it tells, and prints nothing."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import galkeras

ROOT = Path(galkeras.__file__).parent
TELLING = {"GalkerasError", "CutoutError", "_log.info", "_log.warning", "warnings.warn"}


def test_nothing_below_the_command_line_prints():
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] == "cli":
            continue
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        printing = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert not printing, f"{path.relative_to(ROOT)} prints in line {printing}: it has a logger to tell by"


def test_messages_name_keywords_and_no_options_of_the_shell():
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            said = isinstance(node, ast.Call) and ast.unparse(node.func) in TELLING
            for text in ast.walk(node) if said or isinstance(node, ast.Raise) else ():
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found = re.search(r"(?<![\w-])--[a-z]", text.value)
                    assert not found, f"{path.relative_to(ROOT)}:{text.lineno} names an option: {text.value!r}"


def test_python_hears_what_it_asks_to(records):
    def said(first: str) -> tuple[str, str]:
        code = f"{first}; import galkeras as gk; gk.inspect({str(records)!r}, verify=True)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout, done.stderr

    assert said("pass") == ("", "")
    out, told = said("import logging; logging.basicConfig(level=logging.INFO, format='%(message)s')")
    assert out == "" and "80 galaxies of decals" in told and "are as they were written" in told
