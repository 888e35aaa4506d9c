"""Ranges of keys and permissions on them, as text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from etcdtui.core.types import Permission
from etcdtui.services.cluster import access
from etcdtui.services.cluster.access import Effective
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


def effective_lines(
    rows: Sequence[Effective], *, tight: bool = False, good: str | Style = "", muted: str | Style = "dim"
) -> list[Text]:
    """What somebody may do, a line for each range, and the roles it comes from."""
    keys = [range_text(row.key, row.range_end, tight=tight) for row in rows]
    wide = max((key.cell_len for key in keys), default=0)
    lines = []
    for row, key in zip(rows, keys, strict=True):
        key.pad_right(max(0, wide - key.cell_len))
        what = " ".join(word for word, has in (("read", row.read), ("write", row.write)) if has)
        roles = safe(", ".join(row.roles), limit=80)
        lines.append(Text.assemble("  ", key, "  ", (f"{what:<11}", good), (" from ", muted), roles))
    return lines


def permission_words(permission: Permission) -> Text:
    """A permission on one line."""
    return Text.assemble(f"{permission.type.name.lower():<10} ", range_text(permission.key, permission.range_end))
