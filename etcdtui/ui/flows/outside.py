"""Editing a value in the person's own ``$EDITOR``: a private file, the terminal lent, what is saved taken back."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable

from rich.text import Text

from etcdtui.core.plan import line
from etcdtui.core.units import format_size
from etcdtui.services.values import packing
from etcdtui.services.writing import editing
from etcdtui.services.writing.editing import Editable, EditMode, to_value
from etcdtui.services.writing.editor import NoEditor, edit_file, run_editor
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Face
from etcdtui.ui.lending import lend_terminal
from etcdtui.ui.modals.ask import AskDialog


class OutsideEditor:
    """For one screen, whose status line tells what goes wrong. Call it from a worker: it waits for dialogs."""

    def __init__(self, face: Face) -> None:
        self.face = face

    async def is_wanted(self, size: int) -> bool:
        """Whether a value that the editor here does not take is to be opened in the person's own."""
        limit = f"{format_size(editing.EDIT_BYTES)}, {editing.EDIT_LINES} lines, {editing.EDIT_LINE} characters a line"
        lines = [
            line(f"the value has {format_size(size)}; the editor here takes at most {limit}", tone="head"),
            line("$EDITOR opens it in a private file; what it saves is reviewed before anything is written"),
        ]
        title = Text("too large for the editor here")
        return await self.face.app.push_screen_wait(AskDialog(title, lines, [("E", "open $EDITOR")])) == "E"

    async def edit(self, key: bytes, value: bytes, keep: Callable[[bytes], bool]) -> bytes | None:
        """The value as it was saved, ``None`` when it was not; the live parts of the program go on meanwhile.

        Of a compressed value the content is edited, and compressed again in its format.

        ``keep`` stores what an editor had saved that was ended by a signal, by itself or with this program, and answers
        whether that worked.
        """
        packed = await asyncio.to_thread(packing.unpack, value)
        content = value if packed is None else packed.content
        shown = _for_file(content)
        text = shown.text.encode() if shown.mode is not EditMode.TEXT else content

        def rescue(left: bytes) -> None:
            with contextlib.suppress(ValueError):  # half of a hexadecimal text is no value
                keep(left if shown.mode is EditMode.TEXT else to_value(shown.mode, left.decode("utf-8", "replace")))

        try:
            async with edit_file(key, text) as path:
                result = await lend_terminal(self.face.app, lambda: run_editor(path, text, os.environ, rescue))
        except NoEditor as error:
            self.face.flash(error_line(error), "bad")
            return None
        except OSError as error:
            self.face.flash(f"the value could not be put into a file for the editor: {error.strerror}", "bad")
            return None
        if result.value is None:
            kept = result.left is not None and shown.mode is EditMode.TEXT and packed is None and keep(result.left)
            then = "what it had saved is kept as a draft" if kept else "nothing is changed"
            self.face.flash(f"{result.problem}; {then}", "warn")
            return None
        if shown.mode is EditMode.TEXT:
            drop = result.newline_added and await self._drop_newline()
            edited = result.value[:-1] if drop else result.value
        try:
            if shown.mode is not EditMode.TEXT:
                edited = to_value(shown.mode, result.value.decode("utf-8", "replace").removesuffix("\n"))
            return edited if packed is None else await asyncio.to_thread(packing.pack, edited, value)
        except ValueError as error:
            self.face.flash(str(error), "bad")
            return None

    async def _drop_newline(self) -> bool:
        lines = [line("the value had no line end at its end; the editor added one")]
        answers = [("k", "keep it as it was: none"), ("a", "add it")]
        answer = await self.face.app.push_screen_wait(AskDialog(Text("final line end"), lines, answers))
        return answer != "a"


def _for_file(value: bytes) -> Editable:
    """For a file on disk any UTF-8 text is exact; only binary values become hex."""
    try:
        return Editable(EditMode.TEXT, value.decode())
    except UnicodeDecodeError:
        return Editable(EditMode.HEX, editing.hex_text(value))
