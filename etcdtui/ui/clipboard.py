"""The terminal's clipboard, which is reached by an escape sequence (OSC 52) that nobody answers.

Whether it arrived cannot be known; where something on the way is known not to pass it on, that is said, with the
setting that changes it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from etcdtui.core.safe_text import safe_text

ASKED_FOR = 0.5
"""Seconds that tmux gets to say how it is set."""
TMUX_ON = "set -s set-clipboard on"


async def doubts(env: Mapping[str, str]) -> str:
    """What is known against the clipboard here, as a clause with the setting to change; empty when nothing is."""
    if env.get("TMUX"):
        return tmux_doubts(await _tmux_setting())
    return terminal_doubts(env)


def tmux_doubts(setting: str) -> str:
    """``setting`` is the value of tmux's set-clipboard, empty when it could not be asked."""
    if setting == "on":
        return ""
    if setting in ("off", "external"):
        return f"tmux keeps it (set-clipboard {setting}) until: {TMUX_ON}"
    return f"tmux may keep it until: {TMUX_ON}"


def terminal_doubts(env: Mapping[str, str]) -> str:
    """What the environment says of the terminal; a terminal that is not known gets no word."""
    term, program = env.get("TERM", ""), env.get("TERM_PROGRAM", "")
    if env.get("STY") or (term.startswith("screen") and not program):
        return "GNU screen does not pass it on: copy from the terminal's own selection, or use tmux"
    if term in ("linux", "vt100", "vt220"):
        return "this console has no clipboard"
    if program == "Apple_Terminal":
        return "macOS Terminal does not take it: iTerm2, kitty, WezTerm and Ghostty do"
    if program == "iTerm.app":
        return "iTerm2 takes it when its Settings > General > Selection let applications access the clipboard"
    if env.get("VTE_VERSION"):
        return "terminals made with VTE (GNOME Terminal, Tilix, xfce4-terminal) do not take it"
    if env.get("XTERM_VERSION"):
        return "xterm takes it when its resource allowWindowOps is true"
    return ""


async def _tmux_setting() -> str:
    with contextlib.suppress(OSError, TimeoutError):
        process = await asyncio.create_subprocess_exec(
            "tmux", "show-options", "-sv", "set-clipboard",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(ASKED_FOR):
                told, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return safe_text(told.strip().decode("utf-8", "replace"), limit=20).text
    return ""
