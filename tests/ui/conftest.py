"""What the tests of the screens share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import PtyApp, Server

PROGRAM = Path(sys.executable).with_name("etcdtui")
Start = Callable[..., PtyApp]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the program on some endpoints; ended after the test."""
    running: list[PtyApp] = []

    def begin(
        server: Server, *arguments: str, size: tuple[int, int] = (120, 40), env: Mapping[str, str] | None = None
    ) -> PtyApp:
        homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
        app = PtyApp.start(
            [PROGRAM, "--endpoints", ",".join(server.endpoints), *arguments], env={**homes, **(env or {})}, size=size
        )
        running.append(app)
        return app

    yield begin
    for app in running:
        app.close()
