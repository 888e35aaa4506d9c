"""Ranges of keys and permissions on them, as text."""

from __future__ import annotations

from rich.text import Text

from etcdtui.core.types import Permission
from etcdtui.services.cluster import access
from etcdtui.ui import limits
from etcdtui.ui.text import safe


def range_text(key: bytes, end: bytes, *, tight: bool = False) -> Text:
    """A range as people read it: ``/app/  prefix``, ``/a .. /m  range``; ``tight`` names only what is no prefix."""
    kind = access.range_kind(key, end)
    if kind == "everything":
        return Text("everything", "bold")
    if kind == "range":
        return Text.assemble(
            safe(key, limit=limits.WORDS), " .. ", safe(end, limit=limits.WORDS), "" if tight else "  range"
        )
    shown = safe(key, limit=limits.WORDS)
    star = "*" if kind == "prefix" and not key.endswith(b"/") else ""
    return Text.assemble(shown, star, ("" if tight and kind == "prefix" else "  " + kind, "dim"))


def permission_words(permission: Permission) -> Text:
    """A permission on one line."""
    return Text.assemble(f"{permission.type.name.lower():<10} ", range_text(permission.key, permission.range_end))
