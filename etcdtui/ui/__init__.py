"""The terminal UI: the only place of Textual and Rich, imported once a start is sure to need it."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "app": "app",
        "bindings": "bindings",
        "dialogs": "dialogs",
        "keyboard": "keyboard",
        "lending": "lending",
        "run": "run",
    },
)
