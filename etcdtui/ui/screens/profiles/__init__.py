"""Profiles: the list of them, connecting to one, and reading a snapshot instead."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(__name__, {"reading": "reading"})
