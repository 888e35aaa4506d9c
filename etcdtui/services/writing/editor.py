"""The round through ``$EDITOR``: a 0600 file in a 0700 folder, gone afterwards, its final line end not trusted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from etcdtui.config.secrets import child_environment
from etcdtui.core.plan import last_segment
from etcdtui.core.value import Value

NAME_LIMIT = 60
ENDS_WITHIN = 0.4
"""Seconds that an editor gets to put the terminal right when the program ends under it."""


class EditorResult(Value):
    """``value`` is ``None`` when the editor failed, and ``problem`` says how; ``newline_added`` when only a final line
    end may be its doing. ``left`` is what an editor that was killed had saved.
    """

    value: bytes | None
    problem: str = ""
    newline_added: bool = False
    left: bytes | None = None


class NoEditor(Exception):
    """Neither ``$VISUAL`` nor ``$EDITOR`` names a program; the message is a sentence."""


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """The words of ``$VISUAL``, else ``$EDITOR``, else vi; raises ``NoEditor``. vi and vim get their swap file off."""
    text = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    try:
        words = shlex.split(text)
    except ValueError:
        raise NoEditor("$EDITOR is not a command line.") from None
    if not words or shutil.which(words[0], path=environ.get("PATH")) is None:
        raise NoEditor(f"There is no editor {words[0] if words else text!r}; set $EDITOR.")
    if Path(words[0]).name in ("vim", "nvim"):
        words += ["-n", "-i", "NONE", "-c", "set noundofile nobackup nowritebackup"]
    return words


def file_name(key: bytes) -> str:
    """A harmless name that keeps the ending of the key, for the editor's colours."""
    text = re.sub(rb"[^A-Za-z0-9._-]", b"_", last_segment(key).rstrip(b"/"))[-NAME_LIMIT:].decode()
    return text.lstrip(".-") or "value"


@asynccontextmanager
async def edit_file(key: bytes, text: bytes) -> AsyncIterator[Path]:
    """The value in a private file for as long as the block lasts."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="etcdtui-"))
    path = folder / file_name(key)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(text)
        yield path
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def run_editor(
    path: Path, before: bytes, environ: Mapping[str, str], rescue: Callable[[bytes], object] = lambda _: None
) -> EditorResult:
    """Run the editor on the terminal and read the file back; the caller has given the terminal away.

    When this is cancelled the editor is ended, so that it is not left on the terminal, and ``rescue`` gets what it had
    saved.
    """
    command = editor_command(environ)
    try:
        # fd 2 is the log while the program runs; the screen is where this goes.
        process = await asyncio.create_subprocess_exec(
            *command, str(path), stderr=sys.__stderr__, env=child_environment()
        )
    except OSError as error:
        raise NoEditor(f"{command[0]!r} cannot be run: {error.strerror}; set $EDITOR.") from None
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        saved = _take_what_is_saved(path, before, rescue)  # at once: little time may be left
        await _end(process)
        _take_what_is_saved(path, saved, rescue)
        raise
    try:
        after = await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        return EditorResult(None, f"the editor left no file that can be read ({error.strerror})")
    if code < 0:
        return EditorResult(None, f"the editor was ended by signal {-code}", left=after if after != before else None)
    if code:
        return EditorResult(None, f"the editor ended with code {code}")
    added = after.endswith(b"\n") and not before.endswith(b"\n") and not after.endswith(b"\n\n")
    return EditorResult(after, newline_added=added)


def _take_what_is_saved(path: Path, before: bytes, rescue: Callable[[bytes], object]) -> bytes:
    """Hand over what is in the file if that is something else; what is known of it now."""
    try:
        left = path.read_bytes()
    except OSError:
        return before
    if left != before:
        rescue(left)
    return left


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                await process.wait()
        except TimeoutError:
            process.kill()
