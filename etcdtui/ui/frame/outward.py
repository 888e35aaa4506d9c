"""A value out of the program: into ``$PAGER``, and into a file with its bytes as they are stored."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.text import Text

from etcdtui.core.decoding.result import Decoded
from etcdtui.core.safe_text import safe_text
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.core.value import Value
from etcdtui.services.values import packing
from etcdtui.services.writing.editor import edit_file, file_name
from etcdtui.services.writing.files import create_private, typed_path
from etcdtui.services.writing.pager import NoPager, run_pager
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Face
from etcdtui.ui.lending import lend_terminal
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.text import safe

MASKED = "masked by the profile: x shows it first"


class Shown(Value):
    """A value as a screen shows it. ``hidden`` is all of it; parts of it may be, as ``decoded`` says."""

    kv: KeyValue
    decoded: Decoded | None
    view: str
    lines: Callable[[], Sequence[str]]
    hidden: bool

    @property
    def masked(self) -> bool:
        return self.hidden or (self.decoded is not None and self.decoded.masked)


async def page(face: Face, shown: Shown) -> None:
    """The view that is shown, in ``$PAGER``; its text cannot hurt the terminal, and what is masked is masked there."""
    if shown.hidden:
        face.flash(MASKED, "warn")
        return
    text = await asyncio.to_thread(_clean, shown.lines)
    try:
        async with edit_file(shown.kv.key, text) as path:
            problem = await lend_terminal(face.app, lambda: run_pager(path, os.environ))
    except NoPager as error:
        face.flash(error_line(error), "bad")
        return
    except OSError as error:
        face.flash(f"the value could not be put into a file for the pager: {error.strerror}", "bad")
        return
    if problem:
        face.flash(problem, "warn")


def _clean(lines: Callable[[], Sequence[str]]) -> bytes:
    made = (safe_text(line).text for line in lines())
    return "".join(f"{line}\n" for line in made).encode("utf-8", "replace")


async def save(face: Face, shown: Shown) -> None:
    """Into a new 0600 file: the bytes that are stored, the content of compressed ones, or the view."""
    if shown.hidden:
        face.flash(MASKED, "warn")
        return
    choices = await _choices(shown)
    picked = await face.app.push_screen_wait(PickerDialog(Text("save what"), [c[0] for c in choices], typing=False))
    data = next((made for item, made in choices if item.value == picked), None)
    if data is None:
        return
    title = Text.assemble("save ", safe(shown.kv.key, "bold", limit=60), " to file")
    explain = Text("0600; an existing file is never replaced")
    ending = {"view": ".txt", "content": ".content"}.get(picked or "", "")
    target = str(Path.cwd() / (file_name(shown.kv.key) + ending))
    name = await face.app.push_screen_wait(PromptDialog(title, explain, value=target))
    if not name:
        return
    path = typed_path(name)
    try:
        await asyncio.to_thread(lambda: create_private(path, data()))
    except FileExistsError:
        face.flash("the file exists already and is not replaced", "warn")
    except OSError as error:
        face.flash(f"the file could not be written: {error.strerror}", "bad")
    else:
        size = format_size(path.stat().st_size)
        face.flash(Text.assemble(f"{size} in ", safe(str(path), limit=100)), "good")


async def _choices(shown: Shown) -> list[tuple[Item, Callable[[], bytes]]]:
    value = shown.kv.value
    exact = Text(f"{format_size(len(value))}, every byte as etcd has it")
    masked = Text(MASKED) if shown.masked else Text()
    found: list[tuple[Item, Callable[[], bytes]]] = [
        (Item("value", Text("the value"), exact, key="v", reason=masked), lambda: value)
    ]
    packed = await asyncio.to_thread(packing.unpack, value)
    if packed is not None:
        note = Text(f"{format_size(len(packed.content))}, unpacked from {packed.format}")
        content = packed.content
        found.append((Item("content", Text("its content"), note, key="c", reason=masked), lambda: content))
    if shown.view:
        note = safe(f"{shown.view}, as the program shows it" + (", masked parts masked" if shown.masked else ""))
        found.append((Item("view", Text("the view"), note, key="d"), lambda: _clean(shown.lines)))
    return found
