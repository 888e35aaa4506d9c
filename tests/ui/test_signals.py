"""A few of the signals at random moments; ``python -m bench signals`` sends two hundred."""

from __future__ import annotations

from pathlib import Path

from tests.support import Server
from tests.support.signals import faults


def test_signals_at_random_moments_leave_every_terminal_as_it_was(etcd: Server, tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert not list(faults(etcd.endpoint, env, 12, seed=16, within=1.5))
