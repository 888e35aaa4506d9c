"""What is known of one lease: its time, its keys with size and type, and how its time went."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from rich.style import Style
from rich.text import Text

from etcdtui.core.units import format_size, format_ttl
from etcdtui.services.cluster.leases import LeaseRow, lease_hex
from etcdtui.ui import limits
from etcdtui.ui.errors import error_line
from etcdtui.ui.text import safe

KEYS_LISTED = 300
GRAPH_ROWS = 4
GRAPH_SPAN = 120.0
"""Seconds that the graph shows."""
GRAPH_WIDTH = 60
_BLOCKS = " ▁▂▃▄▅▆▇█"

Tone = Callable[[str], Style]


def lease_lines(
    row: LeaseRow, samples: Sequence[tuple[float, int]], kinds: Mapping[bytes, str], tone: Tone, *, old: str, held: str
) -> list[Text]:
    """All lines; ``kinds`` are size and type of keys, ``old`` since when nothing was told, ``held`` that it is ours."""
    lines = [Text.assemble(" lease ", (lease_hex(row.id), tone("lease")), (f"  (decimal {row.id})", tone("muted")))]
    if held:
        lines.append(Text(f" {held}", tone("good")))
    if row.error is not None:
        lines.append(Text.assemble(" ", error_line(row.error)))
    elif row.ttl is not None and row.ttl >= 0:
        when = f"{old}: " if old else ""
        words = f" {when}granted {row.granted}s   remaining {row.ttl}s   {_renewal(row)}"
        lines.append(Text(words, tone("warn") if old else ""))
    elif row.ttl is not None:
        lines.append(Text(" it is gone: expired or revoked", tone("bad")))
    else:
        lines.append(Text(" not read yet", tone("muted")))
    lines += _key_lines(row, kinds, tone)
    return [*lines, *_graph(row, samples, tone)]


def _renewal(row: LeaseRow) -> str:
    since = row.since_renewal or 0
    return f"last renewal, or the leader's start, about {format_ttl(since)} ago ({row.granted} - {row.ttl})"


def _key_lines(row: LeaseRow, kinds: Mapping[bytes, str], tone: Tone) -> list[Text]:
    if row.keys_denied:
        return [Text(" its keys are not all readable to you", tone("warn"))]
    if row.keys is None:
        return []
    if not row.keys:
        return [Text(" no key is attached to it", tone("muted"))]
    lines = [Text(" if it expires, these keys are deleted:", tone("head"))]
    shown = [safe(key, tone("key"), limit=limits.LINE) for key in row.keys[:KEYS_LISTED]]
    wide = min(48, max(text.cell_len for text in shown))
    for key, text in zip(row.keys, shown, strict=False):
        text.pad_right(max(0, wide - text.cell_len))
        lines.append(Text.assemble("   ", text, "  ", safe(kinds.get(key, ""), tone("muted"), limit=limits.NAME)))
    if len(row.keys) > KEYS_LISTED:
        lines.append(Text(f"   … {len(row.keys) - KEYS_LISTED} more", tone("muted")))
    return lines


def kind_words(size: int, kind: str) -> str:
    """``184 B  JSON``."""
    return f"{format_size(size):>8}  {kind}"


def _graph(row: LeaseRow, samples: Sequence[tuple[float, int]], tone: Tone) -> list[Text]:
    """The time left over the last two minutes as we saw it, with its scale; a gap is where nobody looked."""
    if len(samples) < 3 or not row.granted:
        return []
    now = samples[-1][0]
    step = GRAPH_SPAN / GRAPH_WIDTH
    columns: list[int | None] = [None] * GRAPH_WIDTH
    for when, left in samples:
        at = GRAPH_WIDTH - 1 - int((now - when) / step)
        if 0 <= at < GRAPH_WIDTH:
            columns[at] = left
    top = max(row.granted, max(left for _, left in samples))
    label = max(len(str(top)), 4)
    lines = [Text(f" remaining, last 2 min, until {time.strftime('%H:%M:%S', time.localtime(now))}", tone("muted"))]
    for level in range(GRAPH_ROWS, 0, -1):
        name = f"{top}s" if level == GRAPH_ROWS else f"{top // 2}s" if level == GRAPH_ROWS // 2 else ""
        cells = "".join(_cell(left, top, level) for left in columns)
        lines.append(Text.assemble((f" {name:>{label + 1}} |", tone("muted")), (cells, tone("accent"))))
    lines.append(Text(f" {'0s':>{label + 1}} +{'-' * GRAPH_WIDTH}", tone("muted")))
    return lines


def _cell(left: int | None, top: int, level: int) -> str:
    if left is None or left < 0:
        return " "
    eighths = round(8 * GRAPH_ROWS * left / top) - 8 * (level - 1)
    return _BLOCKS[max(0, min(8, eighths))]
