"""Files, profiles and what they mean; what reads and describes them is imported when it is wanted."""

from __future__ import annotations

from etcdtui.core.late import late

__getattr__ = late(
    __name__,
    {
        "clusters": "clusters",
        "describe": "describe",
        "keymap": "keymap",
        "loader": "loader",
        "saving": "saving",
        "themes": "themes",
        "yaml_parser": "yaml_parser",
    },
)
