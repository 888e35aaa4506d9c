"""What the differ sends makes the same screen as what Textual sends, after every key, dialog, switch and resize."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from textual import events

from etcdtui.config.launch import Launch
from etcdtui.config.schema import Config
from etcdtui.config.themes import load_themes, packaged_folder
from etcdtui.ui.life import CrashReporter
from etcdtui.ui.wire.frames import Abilities
from tests.support import Server, eventually
from tests.ui.test_shell import opener, profile
from tests.ui.wire.emulators import Pair, SideBySide

VALUES = {
    "/wide/日本語/キー": "値は日本語です 漢字かな交じり文 ABC 한국어 텍스트",
    "/wide/中文": '{"名字": "張三", "城市": "臺北", "n": 1}',
    "/marks/e\u0301tude": "cafe\u0301 nin\u0303o a\u0300\u0301\u0302\u0303 x\u0336y\u0336z\u0336",
    "/marks/thai": "ภาษาไทย ที่นี่",
    "/emoji/👍": "👍 and 🎉, snow ☃, clock ⏰",
    "/hostile/\x1b[31mred": "\x1b]52;c;AAAA\x07 \u202e \u200b \x9b31m",
    "/json/one": '{"host": "pg-1.internal", "port": 5432, "pool": {"min": 4, "max": 32}, "on": true}',
    "/long/line": "abc défg 漢 " * 300,
    "/long/lines": "\n".join(f"line {n} of many, {'é' if n % 7 else '漢字'}" for n in range(300)),
}
MOVES = ("j", "k", "down", "up", "pagedown", "pageup", "g", "G", "l", "h", "enter", "escape", "tab", "space")
VIEWS = ("1", "2", "3", "4", "5", "8", "9", "v", "z", "H", "W", "R", "s", "x", "escape", "escape", "n")
DIALOGS = ("question_mark", "o", "f", "slash", "colon", "ctrl+p", "T", "b", "P", "escape", "escape", "enter")
TEXT = ("a", "e", "/", "漢", "é", "backspace", "left", "end", "home", "e\u0301")
SIZES = ((120, 40), (80, 24), (119, 37), (61, 20), (150, 45), (30, 10))


def key(name: str) -> events.Key:
    return events.Key(name, name if len(name) == 1 else None)


def some_keys(chance: random.Random) -> list[str]:
    """A person's next keys: mostly moves, now and then a view or a dialog with a few letters typed into it."""
    kind = chance.random()
    if kind < 0.6:
        return [chance.choice(MOVES)]
    if kind < 0.8:
        return [chance.choice(VIEWS)]
    return [chance.choice(DIALOGS), *chance.choices(TEXT, k=chance.randrange(4))]


@pytest.mark.parametrize(
    ("seed", "size", "abilities", "steps"),
    [
        (1, (120, 40), Abilities(erases_in_colour=True), 210),
        (2, (80, 24), Abilities(erases_in_colour=False), 220),
        (3, (80, 24), Abilities(erases_in_colour=True, synchronized=True), 220),
    ],
)
async def test_after_a_thousand_random_keys_the_screen_is_the_one_that_textual_paints(
    etcd: Server, tmp_path: Path, seed: int, size: tuple[int, int], abilities: Abilities, steps: int
) -> None:
    for name, value in VALUES.items():
        await etcd.put(name, value)
    for number in range(200):
        await etcd.put(f"/flat/key-{number:04}", f"value {number}")
    one = profile("agree", "dev", etcd.endpoint)
    launch = Launch(config=Config(profiles=(one,)), profile=one)
    app = SideBySide(launch, opener, CrashReporter(tmp_path), themes=load_themes(packaged_folder()).themes)
    app.pair = pair = Pair(*size, abilities)
    app.chance = chance = random.Random(seed)
    pressed: list[str] = []
    async with app.run_test(size=size) as pilot:
        await eventually(lambda: app.shown is not None and app.session is not None)
        for step in itertools.count():
            if step >= steps or not app.is_running:
                break
            if chance.random() < 0.04:
                pressed.append("resize")
                await pilot.resize_terminal(*chance.choice(SIZES))
            for name in some_keys(chance):
                pressed.append(name)
                app.post_message(key(name))
            await pilot.pause()
            pair.catch_up()
            wrong = list(itertools.islice(pair.differences(), 5))
            assert not wrong, pressed[-12:]
    assert len(pressed) > steps
    assert pair.dropped > steps / 20
    assert pair.ours.sent < pair.stock.sent / 4
