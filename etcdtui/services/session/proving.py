"""``--verify``: what a database file is, for people and for programs."""

from __future__ import annotations

import json

from etcdtui.client.offline.verify import Verified, verify
from etcdtui.core.safe_text import safe_text
from etcdtui.core.units import format_size

__all__ = ["Verified", "as_json", "as_text", "verify"]

FOUNDED = "of the cluster that these members founded; another where members were added later"


def as_json(found: Verified) -> str:
    """One line; the first five names and values are those of ``etcdutl snapshot status -w json``."""
    return json.dumps(
        {
            "hash": found.hash,
            "revision": found.revision,
            "totalKey": found.keys,
            "totalSize": found.size,
            "version": found.storage_version,
            "clusterVersion": found.cluster_version,
            "clusterID": f"{found.cluster_id:x}" if found.cluster_id else "",
            "revisions": found.revisions,
            "compactRevision": found.compacted,
            "members": found.members,
            "leases": found.leases,
            "users": found.users,
            "alarms": found.alarms,
            "checksum": found.summed,
        }
    )


def as_text(found: Verified) -> str:
    """A line for each fact."""
    compacted = "never compacted" if found.compacted < 0 else f"compacted at {found.compacted}"
    versions = safe_text(
        f"storage {found.storage_version or 'before 3.6'}, cluster {found.cluster_version or 'unknown'}", limit=200
    ).text
    facts = (
        (
            "whole",
            "its SHA-256 is right" if found.summed else "no SHA-256 at its end: a member's own file; its pages fit",
        ),
        ("hash", f"{found.hash:x}"),
        ("revision", f"{found.revision}, {found.revisions} revisions kept, {compacted}"),
        ("keys", str(found.keys)),
        ("size", f"{format_size(found.size)} ({found.size} bytes)"),
        ("version", versions),
        ("cluster ID", f"{found.cluster_id:x}, {FOUNDED}" if found.cluster_id else "unknown: members were removed"),
        ("members", str(found.members)),
        ("leases", str(found.leases)),
        ("users", str(found.users)),
        ("alarms", str(found.alarms)),
    )
    return "\n".join(f"{name:<11}{words}" for name, words in facts)
