"""A throw-away cluster with sample data."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "run": "run",
    },
)
