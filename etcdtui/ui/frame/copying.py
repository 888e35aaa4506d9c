"""What ``y`` on a key offers to the clipboard, as text that a terminal cannot be hurt by."""

from __future__ import annotations

import base64
import json

from rich.text import Text

from etcdtui.core import ranges
from etcdtui.core.decoding.result import Decoded
from etcdtui.core.keypath import escape_key
from etcdtui.core.safe_text import is_plain
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.core.value import Value
from etcdtui.services.writing.etcdctl import get_command, put_command
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.text import safe

CLIPBOARD_LIMIT = 100 * 1024
"""Bytes; many terminals drop a longer OSC 52 sequence without a word."""


class Copy(Value):
    """One thing to copy; ``refused`` says why it cannot be, ``unsafe`` that it holds control characters."""

    id: str
    label: str
    text: str
    unsafe: bool = False
    refused: str = ""


def _value_text(value: bytes) -> tuple[str, bool, str]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "", False, "not text: copy it as JSON or as etcdctl"
    return text, not all(is_plain(char) or char in "\n\t" for char in text), ""


def choices(
    kv: KeyValue | None,
    place: bytes,
    folder: bool,
    decoded: Decoded | None,
    lines: str,
    hidden: bool,
    view: str = "",
    *,
    namespace: bytes = b"",
) -> list[Copy]:
    """Everything the menu offers for a key, or for a folder's prefix; etcdctl's lines have the whole names."""
    found = [Copy("k", "key", escape_key(place))]
    if folder:
        found.append(Copy("c", "as etcdctl", get_command(*ranges.prefix_range(place), namespace=namespace)))
        return [_limited(copy) for copy in found]
    found.append(Copy("c", "as etcdctl get", get_command(place, namespace=namespace)))
    if kv is None:
        return [_limited(copy) for copy in found]
    if hidden or (decoded is not None and decoded.masked):
        masked = "masked: press x first"
        found += [Copy(i, label, "", refused=masked) for i, label in (("v", "value"), ("j", "as JSON"))]
        if hidden or decoded is None:
            return [*found, Copy("d", "decoded", "", refused=masked)]
        return [_limited(copy) for copy in (*found, _decoded(f"{view}, masked", lines))]
    text, unsafe, refused = _value_text(kv.value)
    found.append(Copy("v", "value", text, unsafe, refused))
    if decoded is not None and decoded.views:
        found.append(_decoded(view, lines))
    found.append(Copy("p", "as etcdctl put", put_command(kv.key, kv.value, namespace=namespace)))
    found.append(Copy("j", "as JSON, as etcdctl writes it", _json(kv)))
    return [_limited(copy) for copy in found]


def whole(id: str, label: str, text: str) -> Copy:
    """One thing to copy, refused when it is too long."""
    return _limited(Copy(id, label, text))


def _decoded(view: str, lines: str) -> Copy:
    return Copy("d", f"decoded ({view})", lines, not all(is_plain(c) or c in "\n\t" for c in lines))


def _limited(copy: Copy) -> Copy:
    size = len(copy.text.encode("utf-8", "surrogatepass"))
    if copy.refused or size <= CLIPBOARD_LIMIT:
        return copy
    why = f"{format_size(size)}: terminals take {format_size(CLIPBOARD_LIMIT)} at most"
    return Copy(copy.id, copy.label, "", refused=why)


def _json(kv: KeyValue) -> str:
    fields: dict[str, str | int] = {
        "key": base64.b64encode(kv.key).decode(),
        "create_revision": kv.create_revision,
        "mod_revision": kv.mod_revision,
        "version": kv.version,
        "value": base64.b64encode(kv.value).decode(),
    }
    if kv.lease:
        fields["lease"] = kv.lease
    return json.dumps(fields)


def items(copies: list[Copy]) -> list[Item]:
    return [
        Item(
            copy.id,
            safe(copy.label, limit=40),
            safe(copy.text, limit=60) if not copy.refused else Text(),
            key=copy.id,
            reason=safe(copy.refused),
        )
        for copy in copies
    ]


def offer(screen: ClusterScreen, copies: list[Copy]) -> None:
    """Ask which of them to copy; one with control characters asks once more."""
    by_id = {copy.id: copy for copy in copies}

    def picked(value: str | None) -> None:
        if value:
            _copy(screen, by_id[value])

    screen.app.push_screen(PickerDialog(Text("copy"), items(copies), typing=False), picked)


def _copy(screen: ClusterScreen, copy: Copy) -> None:
    if copy.refused:
        screen.flash(f"not copied: {copy.refused}", "warn")
    elif copy.unsafe:
        ask = [
            Item("no", Text("do not copy"), Text("it holds control characters that a terminal obeys when pasted")),
            Item("yes", Text("copy all the same")),
        ]

        def answered(value: str | None) -> None:
            if value == "yes":
                _to_clipboard(screen, copy)

        screen.app.push_screen(PickerDialog(Text("control characters"), ask, typing=False), answered)
    else:
        _to_clipboard(screen, copy)


def _to_clipboard(screen: ClusterScreen, copy: Copy) -> None:
    size = format_size(len(copy.text.encode("utf-8", "replace")))
    screen.to_clipboard(copy.text, f"sent to the terminal's clipboard: {copy.label}, {size}")
