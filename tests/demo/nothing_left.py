"""Whether the demo left anything."""

from __future__ import annotations

from pathlib import Path

from etcdtui.demo.keeper import FOLDER_PREFIX
from tests.support import wait_until
from tests.support.processes import alive


def folders(tmp_path: Path) -> list[Path]:
    """The demo's folders below ``tmp_path``, given to it as TMPDIR."""
    return list(tmp_path.glob(f"{FOLDER_PREFIX}*"))


def assert_nothing_left(tmp_path: Path, pids: set[int]) -> None:
    wait_until(lambda: not alive(pids), 10, what=f"the end of {pids}")
    wait_until(lambda: not folders(tmp_path), 10, what="the end of the folder")
