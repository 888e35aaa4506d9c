"""Which cluster was met under a profile or a set of endpoints, so that another one does not pass for it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.config.schema import Profile
from etcdtui.config.state import write_atomic
from etcdtui.core.int64 import seconds
from etcdtui.core.value import Value

MAX_KEPT = 500
MAX_FILE = 1024 * 1024
FILE = "clusters.json"


class KnownCluster(Value):
    """A cluster that was met: its ID, the names of its members, when it was first and last seen in Unix seconds."""

    cluster_id: int
    members: tuple[str, ...] = ()
    first: float = 0.0
    last: float = 0.0


def memory_key(profile: Profile) -> str:
    """What the cluster is remembered under: the profile of its file, else the set of endpoints."""
    if profile.where:
        return f"profile {profile.name} of {profile.where.rpartition(':')[0]}"
    through = f" through {profile.ssh[-1]}" if profile.ssh else ""
    one = profile.kubernetes
    pods = f"pods {one.context} {one.namespace} {one.selector} {one.pod}" if one.is_given else ""
    named = pods or " ".join(sorted(profile.endpoints)) or f"srv {profile.discovery_srv}"
    return f"endpoints {hashlib.sha256(f'{named}{through}'.encode()).hexdigest()[:32]}"


class ClusterMemory:
    """``clusters.json`` in the state folder; what cannot be read is as if it was not there.

    One that does not learn is only asked.
    """

    def __init__(self, folder: Path, *, learns: bool = True) -> None:
        self._folder = folder
        self._learns = learns

    def known(self, profile: Profile) -> KnownCluster | None:
        """The cluster that was last accepted there."""
        return self._load().get(memory_key(profile))

    def remember(self, profile: Profile, cluster_id: int, members: tuple[str, ...]) -> None:
        """It is the one there from now on. A folder that cannot be written is no reason to stop."""
        if not self._learns:
            return
        known, key, now = self._load(), memory_key(profile), time.time()
        old = known.pop(key, None)
        first = old.first if old is not None and old.cluster_id == cluster_id else now
        known[key] = KnownCluster(cluster_id, members, first, now)
        kept = sorted(known.items(), key=lambda item: item[1].last)[-MAX_KEPT:]
        data = {
            key: {"id": f"{one.cluster_id:x}", "members": one.members, "first": one.first, "last": one.last}
            for key, one in kept
        }
        with contextlib.suppress(OSError):
            write_atomic(private_folder(self._folder) / FILE, json.dumps(data, indent=1).encode())

    def _load(self) -> dict[str, KnownCluster]:
        try:
            with (self._folder / FILE).open("rb") as file:
                data = json.loads(file.read(MAX_FILE))
        except (OSError, ValueError, RecursionError):
            return {}
        found = {}
        for key, one in data.items() if isinstance(data, dict) else ():
            with contextlib.suppress(TypeError, ValueError, KeyError):
                names = tuple(name for name in one["members"] if isinstance(name, str))
                found[key] = KnownCluster(int(one["id"], 16), names, seconds(one["first"]), seconds(one["last"]))
        return found
