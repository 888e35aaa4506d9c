"""Opening a profile and what one opened profile holds; nothing of it is imported before the first paint."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "checkup": "checkup",
        "dialing": "dialing",
        "discovery": "discovery",
        "examining": "examining",
        "first_look": "first_look",
        "fleet": "fleet",
        "proving": "proving",
        "session": "session",
        "snapshot": "snapshot",
        "through": "through",
    },
)
