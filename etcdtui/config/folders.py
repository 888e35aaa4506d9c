"""Where the program's own files are: the configuration folder and the state folder, neither created here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """``$ETCDTUI_CONFIG``, else ``config.yaml`` in the user's configuration folder."""
    named = environ.get("ETCDTUI_CONFIG")
    return Path(named).expanduser() if named else config_folder(environ) / "config.yaml"


def config_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_CONFIG_HOME/etcdtui``, on every platform when the variable is set."""
    base = environ.get("XDG_CONFIG_HOME", "")
    return Path(base) / "etcdtui" if Path(base).is_absolute() else Path(platformdirs.user_config_dir("etcdtui"))


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_STATE_HOME/etcdtui`` (default ``~/.local/state/etcdtui``)."""
    base = environ.get("XDG_STATE_HOME", "")
    return Path(base) / "etcdtui" if Path(base).is_absolute() else Path(platformdirs.user_state_dir("etcdtui"))


def private_folder(path: Path) -> Path:
    """Make the folder and its missing parents, 0700 whatever the umask, and return it. Raises ``OSError``."""
    if not path.parent.exists():
        private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path
