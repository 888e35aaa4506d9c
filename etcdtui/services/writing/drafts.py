"""Edits that are not written yet: kept through conflict, disconnect, crash and profile switch, one file a key.

Files are 0600 and hold the edited value and the value it started from. Drafts of one cluster are never offered on
another: the cluster ID is part of the name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from etcdtui.core.int64 import int64, seconds
from etcdtui.core.types import KeyValue
from etcdtui.core.value import Value, record
from etcdtui.services.writing.files import write_private
from etcdtui.services.writing.writes import Writes

MAX_DRAFTS = 200
MAX_FILE_BYTES = 8 * 1024 * 1024


class Draft(Value):
    """``base`` is what was loaded (``None``: a new key), ``value`` what it was edited into, ``time`` Unix seconds."""

    key: bytes
    base: KeyValue | None
    value: bytes
    profile: str = ""
    cluster_id: int = 0
    time: float = 0.0


@record(frozen=False)
class Drafts:
    """The drafts of one cluster, seen from one profile."""

    folder: Path
    profile: str
    cluster_id: int
    now: Callable[[], float] = time.time

    def save(self, key: bytes, base: KeyValue | None, value: bytes) -> Draft:
        draft = Draft(key, base, value, self.profile, self.cluster_id, self.now())
        write_private(self._path(key), _encode(draft))
        return draft

    def find(self, key: bytes) -> Draft | None:
        """The draft of a key, or ``None``; an unreadable file counts as none and stays."""
        return _read(self._path(key))

    def drop(self, key: bytes) -> None:
        self._path(key).unlink(missing_ok=True)

    def all(self) -> list[Draft]:
        """Every draft of this cluster, newest first."""
        paths = sorted(self.folder.glob(f"{self.cluster_id:016x}-*.json"))[:MAX_DRAFTS]
        found = [d for d in (_read(p) for p in paths) if d is not None]
        return sorted(found, key=lambda d: -d.time)

    # --- texts that are no value -------------------------------------------------------------------------

    def keep_text(self, name: str, text: str) -> None:
        """Keep a text that somebody was writing, such as a transaction. Raises ``OSError``."""
        write_private(self._text_path(name), text.encode("utf-8", "surrogatepass"))

    def text(self, name: str) -> str:
        """The text that is kept; empty when there is none that can be read."""
        try:
            path = self._text_path(name)
            if path.stat().st_size > MAX_FILE_BYTES:
                return ""
            return path.read_text("utf-8", "surrogatepass")
        except (OSError, UnicodeDecodeError):
            return ""

    def drop_text(self, name: str) -> None:
        self._text_path(name).unlink(missing_ok=True)

    def _text_path(self, name: str) -> Path:
        return self.folder / f"{self.cluster_id:016x}-{name}.txt"

    def _path(self, key: bytes) -> Path:
        return self.folder / f"{self.cluster_id:016x}-{hashlib.sha256(key).hexdigest()[:40]}.json"


def _encode(draft: Draft) -> bytes:
    base = draft.base
    return json.dumps(
        {
            "version": 1,
            "profile": draft.profile,
            "cluster_id": f"{draft.cluster_id:x}",
            "time": draft.time,
            "key": _b64(draft.key),
            "value": _b64(draft.value),
            "base": None
            if base is None
            else {
                "value": _b64(base.value),
                "mod": base.mod_revision,
                "create": base.create_revision,
                "version": base.version,
                "lease": f"{base.lease:x}",
            },
        }
    ).encode()


def _read(path: Path) -> Draft | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return None
        data = json.loads(path.read_bytes())
        key = base64.b64decode(data["key"])
        base = data["base"]
        loaded = base and KeyValue(
            key,
            base64.b64decode(base["value"]),
            int64(base["create"]),
            int64(base["mod"]),
            int64(base["version"]),
            int64(str(base["lease"]), 16),
        )
        return Draft(
            key,
            loaded or None,
            base64.b64decode(data["value"]),
            str(data["profile"]),
            int(data["cluster_id"], 16),
            seconds(data["time"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        return None


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def drafts_of(writes: Writes) -> Drafts:
    """The drafts of the opened profile's cluster."""
    return Drafts(writes.state / "drafts", writes.profile, writes.guard.cluster_id)
