"""The tree of keys without a terminal: read, kept true, walked, filtered, and the value under the cursor.

No key on the first screen waits for what is named here.
"""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "filtering": "filtering",
        "moment": "moment",
    },
)
