"""Everything that has steps: plans for incidents and maintenance, run one step at a time, kept on disk as they go."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "builders": "builders",
        "context": "context",
        "runner": "runner",
        "store": "store",
    },
)
