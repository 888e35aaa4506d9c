"""Takes the pictures of the documentation from the real program: ``python -m tests.docs.pictures [FOLDER]``.

Without a folder: ``docs/pictures`` with ``docs/screens.md``, which shows them, and the recording of the README. With a
folder: every stop of the tour in each look and size, to be looked at.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from etcdtui.demo.binary import find_binary
from etcdtui.demo.cluster import Cluster
from etcdtui.demo.run import MEMBER_NAMES, TIP, prepare
from tests.docs.terminal import Cell, Picture, film, svg
from tests.docs.tour import STOPS, Stop, Tour

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = DOCS / "pictures"
PROGRAM = Path(sys.executable).with_name("etcdtui")
TRUE = {"COLORTERM": "truecolor"}
LOOKS: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "dark": (("--theme", "dark"), TRUE),
    "light": (("--theme", "light"), TRUE),
    "sixteen": (("--theme", "sixteen"), {"TERM": "xterm-16color"}),
}
SIZES = ((120, 40), (80, 24))
SHOWN = (("dark", (120, 40)), ("light", (80, 24)), ("sixteen", (80, 24)))
"""What ``docs/screens.md`` shows of each stop."""
CONFIG = """\
version: 1
profiles:
  demo: {{environment: dev, read_only: false, endpoints: [{endpoints}]}}
  staging: {{environment: staging, endpoints: [{endpoints}]}}
  prod-eu: {{environment: prod, description: orders and payments, endpoints: [{endpoints}]}}
"""
PLACE = "/config/app/release.json"
HEAD = """\
# Screens

Every screen and dialog, as the real program shows them on the demo cluster: in the dark colours at 120x40, in the light
ones and in the sixteen of a terminal at 80x24. `make docs` takes these pictures.
"""
FILM: tuple[tuple[tuple[str, ...], float], ...] = (
    ((), 2.0), (("down",), 0.4), (("down",), 0.4), (("up",), 0.4), (("up",), 0.8),
    (("e",), 1.2), (("down", "end", "backspace"), 0.3), (("=7",), 0.3), (("=,",), 0.8), (("ctrl+s",), 3.0),
    (("ctrl+s",), 2.0), (("H",), 2.5), (("esc",), 0.6), (("ctrl+p",), 1.5), (("=defrag",), 2.0), (("esc",), 0.5),
    (("2",), 0.6), (("n",), 0.5), (("=/",), 0.4), (("enter",), 3.5), (("4",), 2.0), (("7",), 2.5), (("1",), 1.5),
)  # fmt: skip
"""The recording: keys, and for how many seconds what they show stays."""


def take(folder: Path, home: Path, endpoints: tuple[str, ...], look: str, size: tuple[int, int]) -> dict[str, str]:
    """The pictures of one walk, by the name of the stop."""
    made = {}
    with _tour(home, endpoints, look, size) as tour:
        for stop, picture in tour.walk():
            made[stop.name] = f"{stop.name}-{look}-{size[0]}x{size[1]}.svg"
            (folder / made[stop.name]).write_text(svg(without_places(picture), stop.title), encoding="utf-8")
    return made


def without_places(picture: Picture) -> Picture:
    """The same without folders of the machine that it was taken on: ``~`` stands for them."""
    place = re.compile(rf"{re.escape(tempfile.gettempdir())}/[^/\s]*(\S*)")

    def told(row: list[Cell]) -> list[Cell]:
        text = "".join(cell.text or " " for cell in row)
        if len(text) != len(row) or not place.search(text):
            return row
        shown = place.sub(lambda found: f"~{found[1]}".ljust(len(found[0])), text)
        return [cell._replace(text=char) for cell, char in zip(row, shown, strict=True)]

    return [told(row) for row in picture]


def record(home: Path, endpoints: tuple[str, ...], size: tuple[int, int]) -> str:
    """The recording as a moving picture."""
    frames: list[tuple[float, Picture]] = []
    with _tour(home, endpoints, "dark", size) as tour:
        next(iter(tour.walk(STOPS[:1])))
        for keys, seconds in FILM:
            tour.press(keys)
            tour.calm(0.3, 2.0)
            frames.append((seconds, without_places(_now(tour))))
    return film(frames, "etcdtui: edit with a review, history, palette, watch, members, doctor")


def _now(tour: Tour) -> Picture:
    (pair,) = tour.walk((Stop("now", "now", ()),))
    return pair[1]


def _tour(home: Path, endpoints: tuple[str, ...], look: str, size: tuple[int, int]) -> Tour:
    folder = home / "config" / "etcdtui"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.yaml"
    file.write_text(CONFIG.format(endpoints=", ".join(endpoints)), encoding="utf-8")
    file.chmod(0o600)
    state = Path(tempfile.mkdtemp(dir=home))
    flags, env = LOOKS[look]
    homes = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(state), "LANG": "C.UTF-8"}
    return Tour.start([PROGRAM, "-p", "demo", *flags, PLACE], size, {**homes, **env}, cwd=home)


def page(names: Mapping[str, Mapping[str, str]]) -> str:
    """``docs/screens.md``: for each stop its pictures in the looks of ``SHOWN``."""
    parts = [HEAD]
    for stop in STOPS:
        if stop.title:
            parts.append(f"## {stop.title}\n")
            parts += [f"![{stop.name}, {look}](pictures/{made[stop.name]})" for look, made in names.items()]
            parts.append("")
    return "\n".join(parts)


def main(folder: str = "") -> int:
    assert "ctrl+p" in TIP
    cluster = Cluster(3, binary=find_binary(), names=MEMBER_NAMES)
    try:
        with tempfile.TemporaryDirectory() as home:
            asyncio.run(prepare(cluster, lambda: lambda _: 0))
            where = Path(folder) if folder else PICTURES
            where.mkdir(parents=True, exist_ok=True)
            wanted = [(look, size) for look in LOOKS for size in SIZES] if folder else SHOWN
            names = {look: take(where, Path(home), cluster.endpoints, look, size) for look, size in wanted}
            if not folder:
                (DOCS / "screens.md").write_text(page(names), encoding="utf-8")
                words = record(Path(home), cluster.endpoints, (100, 30))
                (DOCS / "recording.svg").write_text(words, encoding="utf-8")
    finally:
        cluster.close()
    print(f"written: {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
