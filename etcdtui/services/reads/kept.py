"""Where the keys of a profile's cluster lay in an earlier run: names, and how many keys followed each.

They stand in a private file of the state folder, so that a large store can be cut before anything is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.config.schema import Profile
from etcdtui.config.state import write_atomic
from etcdtui.core.chart import Part
from etcdtui.core.search import KeyGlob

NAMES = 4_000
"""Names kept of a store."""
LEAST_KEYS = 100_000
"""Keys of a store of which names are kept: a smaller one is read fast enough without."""
LONGEST = 1_024
"""Bytes of a name that is kept."""
MOST_KEYS = 1e12
MAX_FILE = 16 * 1024 * 1024


def path_of(state: Path, profile: Profile) -> Path:
    return state / "names" / f"{hashlib.sha256(profile.name.encode()).hexdigest()[:16]}.json"


def load(path: Path, cluster_id: int) -> list[Part]:
    """What was kept of this cluster; nothing of another one, and nothing that is damaged. Reads a file."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(MAX_FILE))
        if data["cluster"] != f"{cluster_id:x}":
            return []
        found = [(bytes.fromhex(name), float(keys)) for name, keys in data["names"]]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    return found if found == sorted(found) and all(name and 0 <= keys < MOST_KEYS for name, keys in found) else []


def save(path: Path, cluster_id: int, parts: Sequence[Part], mask: Sequence[str] = ()) -> None:
    """Keep these instead of what was kept before, but no key whose value is masked. Writes a file, 0600.

    Raises ``OSError``.
    """
    globs = [KeyGlob(pattern) for pattern in mask]
    names: list[tuple[str, int]] = []
    for name, keys in parts:
        if len(name) <= LONGEST and not any(glob.matches(name) for glob in globs):
            names.append((name.hex(), round(keys)))
        elif names:
            names[-1] = (names[-1][0], names[-1][1] + round(keys))
    private_folder(path.parent)
    write_atomic(path, json.dumps({"cluster": f"{cluster_id:x}", "names": names}, separators=(",", ":")).encode())
