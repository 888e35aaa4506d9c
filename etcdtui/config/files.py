"""Reads a file that can run commands or hold secrets only if nobody else could have written or read it.

The rules are those of ssh: a regular file, owned by the user (or root), written by nobody else, and read by nobody else
when it holds a secret. Every refusal ends with the command that repairs it.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path


class FileRefused(Exception):
    """The file must not be used; the message says why and what to do."""


def read_owned(path: Path, environ: Mapping[str, str], *, limit: int) -> tuple[bytes, os.stat_result]:
    """At most ``limit + 1`` bytes of a regular file that only its owner may write, and its status.

    Raises ``FileRefused``; ``FileNotFoundError`` passes through. A symbolic link at the end of the path is refused,
    because whoever owns the link chooses what is read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_symlink():
            target = shlex.quote(str(path.resolve()))
            raise FileRefused(f"it is a symbolic link; name the file itself: --config {target}") from None
        raise FileRefused(f"it cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(fd)
        _check(path, status, environ)
        data = b""
        while len(data) <= limit and (more := os.read(fd, limit + 1 - len(data))):
            data += more
    except OSError as error:
        raise FileRefused(f"it cannot be read: {error.strerror}") from None
    finally:
        os.close(fd)
    return data, status


def _check(path: Path, status: os.stat_result, environ: Mapping[str, str]) -> None:
    name = shlex.quote(str(path))
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused("it is not a regular file")
    if status.st_uid not in _trusted_owners(environ):
        raise FileRefused(f"it belongs to another user (uid {status.st_uid}); run: sudo chown {os.getuid()} {name}")
    if status.st_mode & 0o022:
        raise FileRefused(f"others can write it, and it can run commands; run: chmod go-w {name}")


def _trusted_owners(environ: Mapping[str, str]) -> set[int]:
    owners = {0, os.geteuid()}
    sudo = environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isascii() and sudo.isdigit():
        owners.add(int(sudo))
    return owners


def readable_by_others(status: os.stat_result) -> bool:
    return bool(status.st_mode & 0o077)


def chmod_hint(path: str | Path) -> str:
    return f"run: chmod 600 {shlex.quote(str(path))}"


def private_key_problem(path: str, *, allow_loose: bool) -> str:
    """Why a private key must not be used, or an empty string; a missing file is no matter of this rule."""
    try:
        status = Path(path).stat()
    except OSError:
        return ""
    if not allow_loose and readable_by_others(status):
        return f"the private key {path} can be read by others; {chmod_hint(path)} (or set tls.allow_loose_key: true)"
    return ""
