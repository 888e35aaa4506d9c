"""A database file opened as a session: a cluster that stands still, read without etcd and never written."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from etcdtui.client.client import Client
from etcdtui.client.offline.opened_file import has_checksum
from etcdtui.client.offline.opening import NO_ENDPOINT, open_file
from etcdtui.config.folders import state_folder
from etcdtui.config.schema import Auth, Metrics, Profile, Tls
from etcdtui.core.errors import NotSupported
from etcdtui.services.cluster.endpoint_health import ClusterHealth, State
from etcdtui.services.session.session import AS_IT_IS, Overrides, Session
from etcdtui.services.writing.audit import Audit
from etcdtui.services.writing.guard import Guard, policy_of

if TYPE_CHECKING:  # only named here
    from etcdtui.services.cluster.doctor.doctor import Doctor

NOTE = "SNAPSHOT"
MEMBERS_FILE = ("member", "snap", "db")
"""Where the file lies below a member's data directory."""
UNSUMMED = "a member's own file: it has no checksum, and what only the member's WAL holds is not in it"
UNMEASURED = ("doctor",)
"""Main screens that have nothing to show of a file."""
STANDS_STILL = "a snapshot stands still; c in Compare takes keys of it back into a cluster"


def name_of(path: Path) -> str:
    """The name of the file; of one in a member's data directory with that, as all of them are called alike."""
    parts = path.absolute().parts
    return "/".join(parts[-4:]) if parts[-3:] == MEMBERS_FILE else path.name


def profile_of(path: Path, like: Profile) -> Profile:
    """The profile of a file: what ``like`` says of looks, masks and decoders, and nothing of how to reach a cluster."""
    return replace(
        like, name=name_of(path), endpoints=NO_ENDPOINT, discovery_srv="", discover="false", endpoint_map={}, tls=Tls(),
        auth=Auth(), metrics=Metrics(), read_only=True, remember_names=False, watches={}, triggers=(), notices=(),
        environment="",
    )  # fmt: skip


class SnapshotSession(Session):
    """A session on a proven file. Its health is what the file says; nobody is polled."""

    def __init__(self, profile: Profile, client: Client, audit: Audit, health: ClusterHealth, *, hex_first: bool):
        guard = Guard(policy_of(profile, forced_read_only=True, because=STANDS_STILL))
        super().__init__(profile, client, guard, audit, "-", hex_first=hex_first)
        self.monitor.health = health
        self.note = NOTE
        self.without = UNMEASURED
        guard.observe_cluster(health.cluster_id)

    async def health_updates(self) -> AsyncGenerator[ClusterHealth, None]:
        """It stays as it is."""
        yield self.health

    @property
    def doctor(self) -> Doctor:
        """Nothing of it can be measured, and no member may be asked."""
        raise NotSupported("a snapshot has no members that could be asked")

    async def load_doctor(self) -> None:
        """Nothing of it can be measured."""


class Reading:
    """The opening of a file: ``done`` of ``total`` pages have been looked at, 0 of 0 before it is known."""

    def __init__(self, path: Path, like: Profile, overrides: Overrides = AS_IT_IS) -> None:
        self.path = path
        self.done = self.total = 0
        self._profile = profile_of(path, like)
        self._overrides = overrides

    async def open(self) -> SnapshotSession:
        """The session; raises ``BadSnapshot``, and leaves nothing open where it does or is cancelled."""
        namespace = self._profile.namespace.encode()
        client = await open_file(self.path, self._progress, namespace=namespace)
        try:
            health = await _health(client)
            if not self._is_summed():
                self._profile = replace(self._profile, notices=(UNSUMMED,))
        except BaseException:
            await client.aclose()
            raise
        audit = Audit(self._overrides.audit_file or state_folder() / "audit.jsonl", self._profile.name, "")
        return SnapshotSession(self._profile, client, audit, health, hex_first=self._overrides.hex)

    def _is_summed(self) -> bool:
        return has_checksum(self.path.stat().st_size)

    def _progress(self, done: int, total: int) -> None:
        """Called from the thread that reads."""
        self.done, self.total = done, total


async def _health(client: Client) -> ClusterHealth:
    status = await client.maintenance.status()
    members = tuple(await client.cluster.members())
    alarms = await client.maintenance.alarms()
    return ClusterHealth(
        state=State.STILL,
        members_listed=len(members),
        revision=status.header.revision if status.header else 0,
        alarms=tuple(sorted({alarm.type.name for alarm in alarms})),
        db_size=status.db_size,
        db_in_use=status.db_size_in_use,
        cluster_id=status.header.cluster_id if status.header else 0,
        version=status.storage_version or status.version,
        members=members,
    )
