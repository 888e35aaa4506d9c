"""``python -m bench.robustness``: long histories of random traffic under faults, each judged; exits with 1 if one is
untrue.

Runs on every etcd in ``ETCD_BINARIES`` (one folder a version), else on the default one. A history that is complained of
is saved as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from etcdtui.demo.binary import Binary
from tests.robustness import check
from tests.robustness.run import history
from tests.support.versions import default_binary, matrix_binaries

SHOWN = 10
"""Complaints printed of one history."""


def one(binary: Binary, seed: int, seconds: float, keep: Path, *, keep_all: bool = False) -> list[str]:
    """Makes and judges one history and prints what came of it; the complaints."""
    began = time.monotonic()
    made, run = asyncio.run(history(binary, seed, seconds))
    took = time.monotonic() - began
    complaints = check.complaints(made)
    events = sum(len(batch.changes) for watch in made.watches for batch in watch.batches)
    kinds: dict[str, int] = {}
    for call in made.calls:
        kinds[call.fate] = kinds.get(call.fate, 0) + 1
    faults = sum(not words.endswith("over") for words in run.log)
    words = f"{len(complaints)} COMPLAINTS" if complaints else "all true"
    print(
        f"{binary.version_text} seed {seed}: {words}; {len(made.calls)} calls {kinds}, {len(made.watches)} watches, "
        f"{events} events, {faults} faults in {took:.0f} s",
        flush=True,
    )
    for complaint in complaints[:SHOWN]:
        print(f"  {complaint[:500]}", flush=True)
    if complaints or keep_all:
        keep.mkdir(parents=True, exist_ok=True)
        made.save(keep / f"{binary.version_text}-{seed}.json")
    return complaints


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.robustness", description=__doc__)
    parser.add_argument("--histories", type=int, default=20, help="for each version (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of faults in each (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the first one (%(default)s)")
    parser.add_argument("--version", action="append", help="only these of ETCD_BINARIES")
    parser.add_argument(
        "--keep", type=Path, default=Path("bench/results/robustness"), help="folder for what is saved (%(default)s)"
    )
    parser.add_argument("--keep-all", action="store_true", help="save every history")
    options = parser.parse_args()
    binaries = [
        b for b in matrix_binaries() or [default_binary()] if b.version_text in (options.version or [b.version_text])
    ]
    untrue = 0
    for seed in range(options.seed, options.seed + options.histories):
        for binary in binaries:
            untrue += bool(one(binary, seed, options.seconds, options.keep, keep_all=options.keep_all))
    print(f"{options.histories * len(binaries)} histories, {untrue} untrue")
    return 1 if untrue else 0


if __name__ == "__main__":
    sys.exit(main())
