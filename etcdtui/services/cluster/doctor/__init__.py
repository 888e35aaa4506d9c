"""What is wrong with the cluster, why, and what to do: inputs gathered, checks as pure functions, one report."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "doctor": "doctor",
        "report": "report",
    },
)
