"""What the program remembers by itself: folders 0700, files 0600, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from dataclasses import asdict, fields, replace
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.core.int64 import seconds
from etcdtui.core.value import Value

MAX_RECENT = 50
MAX_BOOKMARKS = 500
MAX_FILE = 1024 * 1024


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace ``path`` by ``data`` so that a reader, or a crash, sees the old or the new whole. Raises ``OSError``."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Place(Value):
    """A key or prefix somebody stood on; ``key`` is hexadecimal, because keys are bytes; ``seen`` is Unix time."""

    profile: str
    key: str
    name: str = ""
    seen: float = 0.0

    @property
    def key_bytes(self) -> bytes:
        return bytes.fromhex(self.key)


class Places(Value):
    """Bookmarks and recent places of all profiles, newest recent place first."""

    bookmarks: tuple[Place, ...] = ()
    recent: tuple[Place, ...] = ()

    def visited(self, profile: str, key: bytes, *, now: float | None = None) -> Places:
        """With this place in front of the recent ones of its profile, which stay bounded."""
        place = Place(profile, key.hex(), seen=time.time() if now is None else now)
        others = [p for p in self.recent if (p.profile, p.key) != (profile, place.key)]
        mine = [p for p in others if p.profile == profile][: MAX_RECENT - 1]
        return replace(self, recent=(place, *mine, *(p for p in others if p.profile != profile)))

    def marked(self, profile: str, key: bytes, name: str) -> Places:
        """With a bookmark on the key, replacing one that was there."""
        kept = self.unmarked(profile, key).bookmarks[: MAX_BOOKMARKS - 1]
        return replace(self, bookmarks=(*kept, Place(profile, key.hex(), name)))

    def unmarked(self, profile: str, key: bytes) -> Places:
        return replace(self, bookmarks=tuple(p for p in self.bookmarks if (p.profile, p.key) != (profile, key.hex())))


def load_places(folder: Path) -> Places:
    """What was saved; anything missing or damaged is left out, because it is only a convenience.

    A file that cannot be read at all is put aside as ``places.json.damaged``, so that the next visit does not end it.
    """
    path = folder / "places.json"
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(MAX_FILE))
    except OSError:
        return Places()
    except (ValueError, RecursionError):
        with contextlib.suppress(OSError):
            path.replace(path.with_name("places.json.damaged"))
        return Places()
    if not isinstance(data, dict):
        return Places()
    return Places(_places(data.get("bookmarks")), _places(data.get("recent")))


def save_places(folder: Path, places: Places) -> None:
    """Raises ``OSError``."""
    write_atomic(private_folder(folder) / "places.json", json.dumps(asdict(places)).encode())


def _places(items: object) -> tuple[Place, ...]:
    found = []
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        known = {f.name: item[f.name] for f in fields(Place) if f.name in item}
        with contextlib.suppress(TypeError, ValueError):
            place = Place(**known)
            if isinstance(place.profile, str) and isinstance(place.name, str) and place.key_bytes is not None:
                found.append(replace(place, seen=seconds(place.seen)))
    return tuple(found)
