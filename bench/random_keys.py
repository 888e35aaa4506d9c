"""Random keys, words, pastes, resizes into the program on the demo: ``python -m bench.random_keys [SECONDS [SEED]]``.

What must not be: a crash file, an error of ours on the screen, an end that nobody asked for, and a moment at which
the program answers nothing: now and then it is asked for its help, which has to come.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tests.support.pty import PtyApp

SECONDS = 600.0
PROGRAM = Path(sys.executable).with_name("etcdtui")
STARTS_WITHIN = 60.0
ANSWERS_WITHIN = 20.0
"""Seconds that an answer may take: a machine may be busy with other things."""
ASKED_EVERY = 60
KEPT = 60
"""Keys that are told with what they led to."""
SIZES = [(80, 24), (120, 40), (40, 10), (20, 5), (200, 60), (120, 40)]
LETTERS = "abcdefghijklmnoprstuvwxyzABCDEFGHIJKLMNORSTUVWXYZ0123456789/:!?.-_*[]{}<>=+\\~ "
KEYS = (
    [letter.encode() for letter in LETTERS]
    + [b"\r"] * 8 + [b"\x1b"] * 8 + [b"\t"] * 4 + [b"\x1b[A", b"\x1b[B", b"\x1b[B", b"\x1b[C", b"\x1b[D"]
    + [b"\x1b[5~", b"\x1b[6~", b"\x1b[H", b"\x1b[F", b"\x1b[1;5H", b"\x1b[1;5F", b"\x1b[Z", b"\x7f", b"\x1b[3~"]
    + [bytes([code]) for code in (1, 2, 4, 5, 6, 11, 14, 16, 18, 19, 19, 21, 23, 24, 25)]
)  # fmt: skip
WORDS = [
    b"/config/app/", b"prim", b"etcdctl put /a b", b"get / --prefix --limit=3", b"put /m 1 --lease=123",
    b"del /config/ --prefix", b"rev 5", b"rev live", b"at -3", b"watch /stats", b"lease grant 60", b"member list",
    b"size:>1k", b"!x ^/a/", b"search value:a", b"census /config/", b"diff /config/ /services/", b"undelete /config/",
    b"help lease", b"txn", b"put /t yes", b"compact 5", b"role add x", b"user add y", b"export /config/ /dev/null",
    b'{"a": 1}',
    "\u00fcn\u00ef\u00a9\u00f8\u2202\u00e9 \u6f22\u5b57 \u0444\u044b\u0432\u0430".encode(), b"\xff\xfe\x80",
    b"\x1b[200~pasted\nin two lines\x1b[201~", b"\x1b[200~/one\x1b[201~", b"x" * 3_000, b"\x1b[M !!", b"\x1b[<0;10;10M",
]  # fmt: skip


class _Player:
    """One run of the program after the other; ``faults`` are what was wrong, in sentences with the last keys."""

    def __init__(self, seed: int, state: Path) -> None:
        self.dice = random.Random(seed)
        self.state = state
        self.sent = self.starts = 0
        self.recent: deque[bytes] = deque(maxlen=KEPT)
        self._known: set[Path] = set()

    def play(self, until: float) -> Iterator[str]:
        env = {
            "XDG_CONFIG_HOME": str(self.state / "config"), "XDG_STATE_HOME": str(self.state / "state"),
            "EDITOR": "true", "TMPDIR": str(self.state),
        }  # fmt: skip
        while time.monotonic() < until:
            self.starts += 1
            self.recent.clear()
            with PtyApp.start([PROGRAM, "demo", "--members", "1"], env=env, size=(120, 40)) as app:
                try:
                    app.wait_for("WRITES ON", timeout=STARTS_WITHIN)
                    yield from self._keys(app, until)
                    if app.running:
                        app.keys("ctrl+q")
                    code = app.wait(ANSWERS_WITHIN)
                    if code != 0:
                        yield self._told(f"it ended with {code}: {app.text()[-300:]}")
                except AssertionError as error:
                    yield self._told(str(error))
                yield from self._crash_files()

    def _keys(self, app: PtyApp, until: float) -> Iterator[str]:
        while app.running and time.monotonic() < until:
            dice = self.dice
            if dice.random() < 0.02:
                app.resize(*dice.choice(SIZES))
            key = dice.choice(WORDS) if dice.random() < 0.06 else dice.choice(KEYS)
            self.recent.append(key)
            self.sent += 1
            try:
                app.send(key)
            except OSError:
                return  # it ended
            app.read(dice.choice([0.0, 0.02, 0.05, 0.15]))
            if "Traceback" in (shown := app.text()) or "internal error" in shown:
                yield self._told(f"on the screen: {shown}")
                return
            if self.sent % ASKED_EVERY == 0 and app.running and not self._answers(app):
                yield self._told(f"no answer to ?, on the screen:\n{app.text()}")
                return

    def _answers(self, app: PtyApp) -> bool:
        """Whether it shows its help when it is asked for it."""
        app.resize(120, 40)
        deadline = time.monotonic() + ANSWERS_WITHIN
        while time.monotonic() < deadline:
            if not app.running:
                return True
            for key in (b"\x1b", b"\x1b", b"\x1b", b"?"):
                app.send(key)
                app.read(0.3)
            asked = time.monotonic() + 2
            while time.monotonic() < asked and app.running:
                if "/ search" in app.text() and "esc close" in app.text():
                    app.send(b"\x1b")
                    return True
                app.read(0.1)
        return not app.running

    def _crash_files(self) -> Iterator[str]:
        for file in sorted(set(self.state.rglob("crash-*.txt")) - self._known):
            self._known.add(file)
            lines = file.read_text(errors="replace").strip().splitlines()
            yield self._told(f"{file.name}: " + " | ".join(lines[-6:]))

    def _told(self, what: str) -> str:
        return f"{what}\n  after {list(self.recent)}"


def faults(seconds: float, seed: int) -> tuple[list[str], int, int]:
    """What was wrong in that time; how many keys were sent and how often the program was started."""
    with tempfile.TemporaryDirectory(prefix="random-keys-") as folder:
        player = _Player(seed, Path(folder))
        found = list(player.play(time.monotonic() + seconds))
    return found, player.sent, player.starts


def main(arguments: list[str]) -> int:
    seconds = float(arguments[0]) if arguments else SECONDS
    seed = int(arguments[1]) if len(arguments) > 1 else int.from_bytes(os.urandom(2), "big")
    found, sent, starts = faults(seconds, seed)
    for fault in found:
        print(fault)
    print(f"seed {seed}: {sent} keys in {starts} runs of the program, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
