"""Bytes of a fixed run of 130 keys on a terminal of 120x40, against Textual's own output of the same program."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable

from bench.report import Result
from tests.support.pty import PtyApp
from tests.support.server import Server, running_server

START = "import sys; from etcdtui.cli import main; sys.exit(main(sys.argv[1:]))"
KEYS = (
    *("enter", *["j"] * 40, *["pagedown"] * 4, *["pageup"] * 4, *["k"] * 10, "G", "g"),
    *("?", "esc", "o", "esc", "f", "/", "a", "p", "p", "esc", "2", "3", "4", "5", "8", "9", "1"),
    *(*["j"] * 20, "e", "x", "y", "esc", *["k"] * 20, "v", "v", "z", "z", "tab", "tab"),
)
QUIET = 0.12
SLOW = 4.0


def run() -> Iterable[Result]:
    with running_server(1) as server:
        for number in range(300):
            server.etcdctl(
                "put", f"/app/item-{number:03}", f'{{"host": "pg-{number % 9}.internal", "port": {5400 + number}}}'
            )
        for colours in ("", "truecolor"):
            ours, stock = sent(server, colours, ""), sent(server, colours, "stock")
            detail = f"{ours} against {stock} bytes for {len(KEYS)} keys"
            yield Result(f"bytes, {colours or '256 colours'}", ours / stock, 0.15, detail)


def sent(server: Server, colours: str, output: str) -> int:
    with tempfile.TemporaryDirectory() as state:
        env = {"XDG_STATE_HOME": state, "XDG_CONFIG_HOME": state, "COLORTERM": colours, "ETCDTUI_OUTPUT": output}
        with PtyApp.start([sys.executable, "-c", START, "--endpoints", server.endpoint], env=env) as app:
            app.wait_for("1/1 up", "/app/", timeout=30)
            for key in KEYS:
                app.keys(key)
                end = time.monotonic() + SLOW
                while app.read(QUIET) and time.monotonic() < end:
                    pass
            return len(app.raw)
