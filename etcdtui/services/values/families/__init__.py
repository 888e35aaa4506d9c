"""Families of keys: programs that keep their data in etcd, recognised by the names of their keys. One file a family."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(__name__, {"known": "known"})
