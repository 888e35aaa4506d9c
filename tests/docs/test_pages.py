"""The documentation says what the code says: keys, limits, files, links, and nothing that belongs to one machine."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from etcdtui.core.etcdctl_grammar import VERBS
from etcdtui.ui.bindings import ACTIONS, keys_of
from tests.docs import keys, manpage
from tests.docs.screenshot import without_addresses, without_outer_blanks

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
    named = set(re.findall(r"`([^`]+)`", table.partition("All of them")[0])) - {"$EDITOR"}
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


def test_the_screenshot_fetches_nothing_and_names_no_machine() -> None:
    svg = (ROOT / "docs" / "screenshot.svg").read_text(encoding="utf-8")
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S+", svg) == []
    assert "@font-face" not in svg
    assert "/work" not in svg
    assert all(word in svg for word in ("WRITES&#160;ON", "3/3&#160;up", "release.json", "help"))


def test_what_the_screenshot_leaves_out() -> None:
    fonts = '@font-face { src: url("far/away.woff2"); } a { font-family: Fira Code, monospace; }'
    assert "away" not in without_addresses(fonts)
    text = '<text class="a" x="10" y="5" textLength="61" clip-path="c">&#160;&#160;ab&#160;</text>'
    assert without_outer_blanks(text) == '<text class="a" x="34.4" y="5" textLength="24.4" clip-path="c">ab</text>'
    assert without_outer_blanks(text.replace("ab", "")) == ""


def test_the_man_page_is_that_of_the_program() -> None:
    assert manpage.PAGE.read_text(encoding="utf-8") == manpage.page(), "run: python -m tests.docs.manpage"
