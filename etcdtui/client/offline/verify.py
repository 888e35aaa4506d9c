"""What a file is, in a few numbers: those of ``etcdutl snapshot status``, and some more."""

from __future__ import annotations

from pathlib import Path

from etcdtui.client.offline.hashes import whole_hash
from etcdtui.client.offline.opened_file import OnProgress, OpenedFile
from etcdtui.core.bbolt import Damaged
from etcdtui.core.errors import BadSnapshot
from etcdtui.core.value import Value


class Verified(Value):
    """A file that was read from end to end.

    ``hash`` is CRC-32C over all buckets, ``size`` the bytes of the pages in use and free (without a trailer), ``keys``
    those of the newest revision, ``compacted`` -1 when it never was. ``storage_version`` is empty before 3.6.
    ``cluster_id`` is what its members would have founded: 0 where some were removed, and another cluster's where some
    were added. ``summed`` says whether a checksum of the whole file was there, and right.
    """

    hash: int
    revision: int
    keys: int
    revisions: int
    compacted: int
    size: int
    storage_version: str
    cluster_version: str
    cluster_id: int
    members: int
    leases: int
    users: int
    alarms: int
    summed: bool


def verify(path: Path, on_progress: OnProgress | None = None) -> Verified:
    """Proves a file and hashes it; raises ``BadSnapshot``. Takes seconds for a large one."""
    file = OpenedFile(path)
    try:
        file.prove(on_progress)
        found = file.contents
        meta = file.bolt.meta
        return Verified(
            hash=whole_hash(file),
            revision=max(file.revisions.last, found.compacted, 1),
            keys=sum(1 for _ in file.revisions.live()),
            revisions=len(file.revisions),
            compacted=found.compacted,
            size=meta.pages * meta.page_size,
            storage_version=found.storage_version,
            cluster_version=found.version,
            cluster_id=found.cluster_id,
            members=len(found.members),
            leases=len(found.leases),
            users=len(found.users),
            alarms=len(found.alarms),
            summed=file.summed,
        )
    except Damaged as problem:  # somebody wrote into it meanwhile
        raise BadSnapshot(f"{path}: {problem}") from None
    finally:
        file.close()
