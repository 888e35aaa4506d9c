"""The Keys screen; its dialogs are imported with the first of them."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "asking": "asking",
    },
)
