"""``reject_old_cluster``: refuses clusters older than this client supports."""

from __future__ import annotations

import asyncio
import re

from etcdtui.client.maintenance import Maintenance
from etcdtui.core.errors import OldCluster

OLDEST = (3, 4)
"""Major and minor of the oldest server version accepted."""


def parse_version(text: str) -> tuple[int, int] | None:
    """Major and minor of ``"3.5.1"``; ``None`` for anything else."""
    match = re.match(r"(\d{1,6})\.(\d{1,6})(?:\.|$)", text)
    return (int(match.group(1)), int(match.group(2))) if match else None


async def check_versions(maintenance: Maintenance, endpoints: tuple[str, ...], timeout: float) -> None:
    """Asks every endpoint; all must answer within ``timeout`` seconds (0: no limit) and be new enough."""
    statuses = await asyncio.gather(*(maintenance.status(name, timeout=timeout) for name in endpoints))
    for status in statuses:
        version = parse_version(status.version)
        if version is None or version < OLDEST:
            wanted = ".".join(map(str, OLDEST))
            raise OldCluster(
                f"the server is etcd {status.version!r}, at least {wanted} is needed", endpoint=status.endpoint
            )
