"""Two hundred signals at random moments of the program's life: the share after which a terminal was not as before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

from bench.report import Result
from tests.support.server import running_server
from tests.support.signals import faults

SIGNALS = 200


def run() -> Iterable[Result]:
    with running_server(1) as server, tempfile.TemporaryDirectory() as state:
        found = list(faults(server.endpoint, {"XDG_STATE_HOME": state}, SIGNALS, seed=200, within=2.0))
    yield Result("terminals not as before", len(found) / SIGNALS, 0.0, "; ".join(found[:3]) or f"{SIGNALS} signals")
