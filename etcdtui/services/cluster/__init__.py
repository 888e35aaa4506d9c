"""Health, members, leases, users and roles: what is known of the cluster, and every action on it."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "admin": "admin",
        "doctor": "doctor",
        "held_leases": "held_leases",
        "reads": "reads",
        "runbooks": "runbooks",
    },
)
