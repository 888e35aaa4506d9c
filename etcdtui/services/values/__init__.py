"""What a value is and how it is shown; what few values need is imported for them."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "certificates": "certificates",
        "decoders": "decoders",
        "families": "families",
        "fields": "fields",
        "insight": "insight",
    },
)
