"""A folder to write configurations into, and a way to load them that sees nothing of this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etcdtui.config.load import load
from etcdtui.config.schema import Config

Loads = Callable[..., Config]


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    """Write a text (or bytes) as a private configuration file and load it."""

    def run(text: str | bytes, *, mode: int = 0o600, environ: dict[str, str] | None = None) -> Config:
        file = tmp_path / "config.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(mode)
        return load({"HOME": str(tmp_path), **(environ or {})}, path=file, root=tmp_path)

    return run
