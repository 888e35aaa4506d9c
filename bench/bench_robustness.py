"""One history of 60 s under faults on the default etcd: nothing untrue in it (``bench.robustness`` makes more)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

from bench.report import Result
from bench.robustness import one
from tests.support.versions import default_binary

SECONDS = 60.0


def run() -> Iterator[Result]:
    complaints = one(default_binary(), int(time.time()), SECONDS, Path(gettempdir()) / "robustness")
    yield Result("untrue things in a history under faults", float(len(complaints)), 0.0)
