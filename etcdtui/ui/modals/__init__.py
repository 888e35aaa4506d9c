"""Dialogs."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "checkup": "checkup",
        "login": "login",
        "prompt": "prompt",
        "stranger": "stranger",
    },
)
