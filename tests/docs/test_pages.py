"""The documentation says what the code says: keys, limits, files, links, and nothing that belongs to one machine."""

from __future__ import annotations

import importlib
import re
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from etcdtui.core.etcdctl_grammar import VERBS
from etcdtui.ui.bindings import ACTIONS, keys_of
from tests.docs import keys, manpage
from tests.docs.pictures import SHOWN, without_places
from tests.docs.terminal import Cell, film, svg
from tests.docs.tour import STOPS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
LIMIT = re.compile(r"^\| (?P<what>[^|]+) \| (?P<value>[^|]+) \| `(?P<file>[\w/]+)\.py` (?P<name>[A-Z_]+) \|$", re.M)
UNITS = {"": 1.0, "KiB": 1024.0, "MiB": 1024.0**2, "GiB": 1024.0**3}


def test_the_table_of_keys_is_that_of_the_program() -> None:
    assert keys.PAGE.read_text(encoding="utf-8") == keys.page(), "run: python -m tests.docs.keys"


def test_every_row_of_the_table_is_bound_where_it_is_built() -> None:
    assert {row.id for row in keys.unlisted()} <= {"go_6", "go_7"}


def test_the_commands_listed_are_those_understood() -> None:
    table = keys.page().partition("## Commands")[2].partition("\n\n`lease`")[0]
    listed = {
        code.split()[0] for row in table.split("\n| ")[2:] for code in re.findall(r"`([^`]+)`", row.partition(" | ")[0])
    }
    assert listed == set(VERBS) - {"set"}


def test_every_key_of_the_readme_is_bound() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Keys at a glance")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.*?) \|", table, re.M)
    named = {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}
    bound = {key.strip() for action in ACTIONS for key in keys_of(action, {}).split(",")} | {"esc"}
    assert named
    assert named - bound == set()


@pytest.mark.parametrize("row", list(LIMIT.finditer(ARCHITECTURE)), ids=lambda row: f"{row['file']}-{row['name']}")
def test_limit_is_that_of_the_code(row: re.Match[str]) -> None:
    number, _, unit = row["value"].strip().partition(" ")
    said = float(number.replace(",", "")) * UNITS[unit]
    module = importlib.import_module("etcdtui." + row["file"].replace("/", "."))
    assert getattr(module, row["name"]) == said


def test_every_row_of_the_limits_is_compared() -> None:
    table = ARCHITECTURE.partition("## Limits")[2].partition("\n## ")[0]
    assert table.count("\n| ") - 1 == len(LIMIT.findall(ARCHITECTURE))


def test_files_named_in_the_architecture_exist() -> None:
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*|cli\.py)`", ARCHITECTURE))
    places = (ROOT, ROOT / "etcdtui")
    missing = {name for name in named if not any((place / name).exists() for place in places)}
    assert len(named) > 100
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    assert re.findall(r"/(?:work|opt|tmp|root|home)/\S*", page.read_text(encoding="utf-8")) == []


PICTURES = sorted([*(ROOT / "docs" / "pictures").glob("*.svg"), ROOT / "docs" / "recording.svg"])


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_a_picture_fetches_nothing_and_names_no_machine(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg|127\.0\.0\.1)\S+", text) == []
    assert re.findall(r"/(?:work|opt|tmp|root|home)/\S*", text) == []


def test_every_stop_of_the_tour_has_its_pictures() -> None:
    stops = {stop.name for stop in STOPS if stop.title}
    for look, (width, height) in SHOWN:
        made = {picture.stem for picture in PICTURES}
        assert {f"{stop}-{look}-{width}x{height}" for stop in stops} <= made, "run: make docs"


def _row(text: str, ink: str = "ffffff") -> list[Cell]:
    return [Cell(char, ink, "000000", False, False, False) for char in text]


def test_a_picture_leaves_out_the_folders_of_the_machine(tmp_path: Path) -> None:
    folder = f"{tempfile.gettempdir()}/xyz"
    (row,) = without_places([_row(f"log {folder}/a.log |")])
    assert "".join(cell.text for cell in row) == "log ~/a.log" + " " * (len(folder) - 1) + " |"


def test_a_film_shows_a_line_while_it_stands() -> None:
    made = film([(1.0, [_row("stays"), _row("first")]), (3.0, [_row("stays"), _row("later")])])
    assert made.count("stays") == 1
    assert "25.000%{opacity:1}" in made
    assert "100%{opacity:1}" in made
    assert svg([_row("a<b & c")]).count("a&lt;b &amp; c") == 1


def test_the_man_page_is_that_of_the_program() -> None:
    assert manpage.PAGE.read_text(encoding="utf-8") == manpage.page(), "run: python -m tests.docs.manpage"
