"""A walk through every screen and dialog of the real program on a pseudo-terminal: keys, and what stands there then.

``python -m tests.docs.pictures`` takes its pictures on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

from tests.docs.terminal import DimScreen, Picture, cells
from tests.support.pty import PtyApp

CALM = 0.4
"""Seconds without output after which a screen is as it stays."""
START, WAIT = 60.0, 20.0


@dataclass(frozen=True)
class Stop:
    """``keys`` lead to it from the stop before, ``words`` stand on it then; without a ``title`` no picture is taken.

    Keys that begin with ``=`` are text to type; ``after`` keys leave it.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    words: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


STOPS: tuple[Stop, ...] = (
    Stop("keys", "Keys: the tree, and the value under the cursor", (), ("release.json", '"version"')),
    Stop("keys-value", "Keys, the focus in the value: `/` finds in it, `v` shows it another way", ("tab",)),
    Stop("keys-hex", "A value as bytes, as wide as its pane", ("v", "v"), ("7b 0a",), ("v", "shift+tab")),
    Stop("keys-zoom", "`z` gives the value the whole screen", ("z",), (), ("z", "z")),
    Stop("palette", "`ctrl+p`: every action of the program, wherever it lives", ("ctrl+p",), ("What do you want",)),
    Stop("palette-found", "`defrag` is found from Keys", ("=defrag",), ("on Members",), ("esc",)),
    Stop("menu", "`o`: what can be done here, and why not", ("o",), ("What can be done",), ("esc",)),
    Stop("help", "`?`: keys, signs and lines of this screen", ("?",), ("Keys help",)),
    Stop("help-signs", "The signs are explained", ("/", "=lease"), ("lease",), ("esc", "esc")),
    Stop("find", "`f` goes to a key", ("f", "=/config/app/"), ("find a key", "feature-flags"), ("esc",)),
    Stop("filter", "`/` filters the tree", ("/", "=json"), ("enter done",), ("esc",)),
    Stop("edit", "`e`: the editor", ("e",), ("ctrl+s review",)),
    Stop("review", "The review: no write without it", ("down", "end", "backspace", "=7,", "ctrl+s"), ("ctrl+s write",)),
    Stop("", "", ("esc",), ("draft",)),
    Stop("draft", "What was typed is kept", ("e",), ("resume it",), ("d",)),
    Stop("", "", ("esc",), ("enter",)),
    Stop("delete", "Deleting: what goes, and under which condition", ("d",), ("ctrl+s delete",), ("esc",)),
    Stop("copy", "`y` copies, also as an etcdctl line", ("y",), ("enter do it",), ("esc",)),
    Stop("history", "`H`: older versions and what changed", ("H",), ("VER", "difference"), ("esc",)),
    Stop("census", "`C`: who takes the space", ("left", "C"), ("b bytes", "config.yaml"), ("esc",)),
    Stop("command", "`:` takes etcdctl's grammar", (":", "=get /config/ --prefix"), ("enter run",), ("esc",)),
    Stop("unlock", "`!` locks and unlocks writes", ("!",), ("READ-ONLY",), ("!",)),
    Stop("themes", "`T`: the colours, tried out while choosing", ("T",), ("Nord",), ("esc",)),
    Stop("watch-new", "Watch: a new watch", ("2", "n"), ("watch",)),
    Stop("watch", "Watch: every change, those of one revision together", ("=/", "enter"), ("PUT",)),
    Stop("watch-change", "One event in full", ("enter",), ("before", "after"), ("esc",)),
    Stop("leases", "Leases: what goes when", ("3",), ("LEFT", "renewed")),
    Stop("members", "Members: the cluster", ("4",), ("LEADER",)),
    Stop("upkeep", "Members, `M`: upkeep", ("M",), ("enter do it",), ("esc",)),
    Stop("auth", "Auth: users, roles, and what they may do", ("5",), ("EFFECTIVE",)),
    Stop("doctor", "Doctor: what is wrong, why, and what to do", ("7",), ("CHECK", "quorum")),
    Stop("txn", "Txn: conditions, then, else", ("8",), ("IF all of",)),
    Stop("txn-text", "Txn: the whole text", ("e",), ("take it",), ("esc",)),
    Stop("activity", "Activity: what this program did, and undo", ("9",), ("TIME",)),
    Stop("profiles", "Profiles: the clusters", ("P",), ("choose a cluster",), ("esc",)),
)  # fmt: skip


class Tour:
    """The program while it is walked through; ``with Tour.start(...) as tour:``."""

    def __init__(self, app: PtyApp, size: tuple[int, int]) -> None:
        self.app = app
        app._terminal = DimScreen(*size)
        app._stream = pyte.ByteStream(app._terminal)

    @classmethod
    def start(
        cls, argv: Sequence[str | Path], size: tuple[int, int], env: Mapping[str, str], cwd: Path | None = None
    ) -> Tour:
        return cls(PtyApp.start(argv, env=env, size=size, cwd=cwd), size)

    def __enter__(self) -> Tour:
        return self

    def __exit__(self, *_: object) -> None:
        self.app.keys("ctrl+q")
        self.app.close()

    def walk(self, stops: Sequence[Stop] = STOPS) -> Iterator[tuple[Stop, Picture]]:
        """Each stop with its picture."""
        first = True
        for stop in stops:
            self.press(stop.keys)
            self.app.wait_for(*stop.words, timeout=START if first else WAIT)
            first = False
            self.calm()
            if stop.title:
                yield stop, cells(self.app.screen())
            self.press(stop.after)

    def press(self, keys: Sequence[str]) -> None:
        """One key after the other, as a person does: esc and the next key must not arrive as one."""
        for key in keys:
            if key.startswith("=") and len(key) > 1:
                self.app.type(key[1:])
            else:
                self.app.keys(key)
            self.calm(0.12)

    def calm(self, seconds: float = CALM, most: float = 4.0) -> None:
        """Wait until the program has said nothing for so long, or for ``most`` seconds."""
        end = time.monotonic() + most
        while time.monotonic() < end and self.app.read(seconds):
            pass
