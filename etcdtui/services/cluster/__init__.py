"""Health, members, leases, users and roles: what is known of the cluster, and every action on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdtui.core.late import late

if TYPE_CHECKING:
    from etcdtui.services.cluster.admin import Admin as Admin
    from etcdtui.services.cluster.reads import ClusterReads as ClusterReads

__getattr__ = late(__name__, {"Admin": "admin", "ClusterReads": "reads"})
