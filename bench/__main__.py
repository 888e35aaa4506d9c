"""``python -m bench [NAME...]``: runs every ``bench/bench_*.py``, or those named, and prints ratios against targets.

A measurement is a module with ``run() -> Iterable[Result]``. Only ratios inside one run count: the two sides are
interleaved, so that whatever else the machine does hits both. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from bench.report import Result


def names() -> list[str]:
    """The measurements there are, by the part of their file name after ``bench_``."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main(wanted: list[str]) -> int:
    known = names()
    if unknown := [name for name in wanted if name not in known]:
        print(f"no such measurement: {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    missed = 0
    for name in wanted or known:
        for result in importlib.import_module(f"bench.bench_{name}").run():
            assert isinstance(result, Result)
            print(result, flush=True)
            missed += not result.met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
