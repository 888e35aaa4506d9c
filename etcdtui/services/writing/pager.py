"""A value in the person's own ``$PAGER``: a 0600 file in a 0700 folder for as long as it is looked at."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

PAGERS = ("less", "more")
"""What is taken where ``$PAGER`` names nothing."""


class NoPager(Exception):
    """There is no program to show text with; the message is a sentence."""


def pager_command(environ: Mapping[str, str]) -> list[str]:
    """The words of ``$PAGER``, else less or more; raises ``NoPager``."""
    try:
        words = shlex.split(environ.get("PAGER", ""))
    except ValueError:
        raise NoPager("$PAGER is not a command line.") from None
    path = environ.get("PATH")
    if not words:
        words = next(([name] for name in PAGERS if shutil.which(name, path=path)), [])
    if not words or shutil.which(words[0], path=path) is None:
        raise NoPager(f"There is no pager {words[0]!r}; set $PAGER." if words else "There is no pager; set $PAGER.")
    return words


async def run_pager(path: Path, environ: Mapping[str, str]) -> str:
    """Show the file on the terminal, which the caller has given away; what went wrong, empty when nothing did.

    less keeps no history of what was looked for in it. Raises ``NoPager``.
    """
    command = pager_command(environ)
    quiet = {**environ, "LESSHISTFILE": "-"}
    try:
        # fd 2 is the log while the program runs; the screen is where this goes.
        process = await asyncio.create_subprocess_exec(*command, str(path), stderr=sys.__stderr__, env=quiet)
    except OSError as error:
        raise NoPager(f"{command[0]!r} cannot be run: {error.strerror}; set $PAGER.") from None
    code = await process.wait()
    if code < 0:
        return f"the pager was ended by signal {-code}"
    return f"the pager ended with code {code}" if code else ""
