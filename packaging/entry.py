"""Where the binary begins: the program, or a module of it that the program starts as a process of its own.

There ``sys.executable`` is the binary, and is asked in the words of a Python: ``-m MODULE``, or ``-I -S FILE``.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from etcdtui.cli import main

MODULES = {"keeper.py": "etcdtui.demo.keeper"}
"""Files that are started by their path."""


def run() -> int:
    """The exit code."""
    words = sys.argv[1:]
    while words and words[0] in ("-I", "-S"):
        del words[0]
    if len(words) > 1 and words[0] == "-m":
        return _module(words[1], words[2:])
    if words and (name := MODULES.get(Path(words[0]).name)) and words[0].endswith(f"{name.replace('.', '/')}.py"):
        return _module(name, words[1:])
    return main()


def _module(name: str, words: list[str]) -> int:
    sys.argv = [name, *words]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(run())
