"""Before-images of deletes, kept for a week: one 0600 file a delete, written before anything is deleted.

A file is in the export format, so it can be imported by hand too. Which of its keys were really deleted by us is
added at the end when the server's answer told it.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.core.types import KeyValue
from etcdtui.core.value import record
from etcdtui.services.writing.files import write_private
from etcdtui.services.writing.transfer import Header, decode_lines, encode_lines
from etcdtui.services.writing.writes import Writes

KEEP_DAYS = 7
MAX_FILE_BYTES = 1024 * 1024 * 1024


@record(frozen=False)
class Trash:
    """The trash of one profile. ``now`` is Unix seconds."""

    folder: Path
    profile: str
    now: Callable[[], float] = time.time

    def path_for(self, revision: int) -> Path:
        """A new name; the profile's own name is reduced to harmless characters."""
        name = re.sub(r"[^A-Za-z0-9._-]", "_", self.profile)[:60] or "profile"
        path = self.folder / f"{name}-{revision}.jsonl"
        return path if not path.exists() else self.folder / f"{name}-{revision}-{secrets.token_hex(3)}.jsonl"

    def put(self, path: Path, kvs: Sequence[KeyValue], *, cluster_id: int, revision: int, prefix: bytes) -> None:
        """Write the before-images; they are on disk when this returns."""
        private_folder(self.folder)
        header = Header(cluster_id=cluster_id, revision=revision, prefix=prefix, leases={})
        write_private(path, b"".join(encode_lines(header, kvs)))

    def read(self, path: Path) -> tuple[KeyValue, ...]:
        """The before-images of a file; raises ``TransferError`` when it is damaged."""
        return decode_lines(path.read_bytes().split(b"\n")).kvs

    def expire(self) -> int:
        """Remove files older than a week; returns how many."""
        count = 0
        for path in self.folder.glob("*.jsonl"):
            try:
                if self.now() - path.stat().st_mtime > KEEP_DAYS * 86400:
                    path.unlink()
                    count += 1
            except OSError:
                continue
        return count


def trash_of(writes: Writes) -> Trash | None:
    """The trash of the opened profile, ``None`` where it is switched off."""
    return Trash(writes.state / "trash", writes.profile) if writes.trash_on else None
