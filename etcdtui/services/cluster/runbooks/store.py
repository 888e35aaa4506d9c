"""Runbooks on disk: one file each, 0600, written whole before and after every step, owned by one program at a time."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.core.errors import EtcdError
from etcdtui.services.cluster.runbooks.spec import Runbook, from_json, to_json
from etcdtui.services.writing.files import write_private

FOLDER = "runbooks"
MAX_FILE = 1024 * 1024
KEEP_DAYS = 30
"""Days after which an ended one is removed."""
LISTED = 100


class RunbookBusy(EtcdError):
    title = "another etcdtui runs this plan"
    hint = "End it there, or go on there."


class RunbookStore:
    """The runbooks below one state folder. Its methods touch the disk; call them in a thread where that matters."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER
        self._locks: dict[str, int] = {}

    def save(self, book: Runbook) -> None:
        """Write it down; raises ``OSError``."""
        write_private(self._path(book.id), to_json(book).encode())

    def remove(self, book_id: str) -> None:
        """Forget one of which nothing was done."""
        self._path(book_id).unlink(missing_ok=True)

    def load(self, book_id: str) -> Runbook | None:
        return self._read(self._path(book_id))

    def listed(self, profile: str, cluster_id: int, *, open_only: bool = False) -> tuple[Runbook, ...]:
        """Those of a profile and its cluster, the newest first; old ended ones are removed on the way."""
        found = []
        for path in sorted(self.folder.glob("*.json"), reverse=True)[:LISTED] if self.folder.is_dir() else ():
            book = self._read(path)
            if book is None:
                continue
            if not book.open and time.time() - book.begun > KEEP_DAYS * 86400:
                path.unlink(missing_ok=True)
                continue
            if book.profile == profile and book.cluster_id == cluster_id and (book.open or not open_only):
                found.append(book)
        return tuple(found)

    def lock(self, book_id: str) -> None:
        """Own it until ``unlock`` or the end of the program, however that comes; raises ``RunbookBusy``."""
        if book_id in self._locks:
            return
        private_folder(self.folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self.folder / f"{book_id}.lock", flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise RunbookBusy() from None
        self._locks[book_id] = handle

    def unlock(self, book_id: str) -> None:
        handle = self._locks.pop(book_id, None)
        if handle is not None:
            (self.folder / f"{book_id}.lock").unlink(missing_ok=True)
            os.close(handle)

    def _path(self, book_id: str) -> Path:
        if not book_id.replace("-", "").isalnum():
            raise ValueError(f"{book_id!r} is not the name of a runbook")
        return self.folder / f"{book_id}.json"

    @staticmethod
    def _read(path: Path) -> Runbook | None:
        try:
            if path.stat().st_size > MAX_FILE:
                return None
            return from_json(path.read_bytes())
        except OSError:
            return None
