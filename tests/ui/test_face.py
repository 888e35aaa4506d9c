"""What is seen: the pane with the focus, the colours of documents and differences, tabs of views, dumps that fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult

from etcdtui.core.decoding.lines import HexLines
from etcdtui.ui.modals.edit import EditDialog
from etcdtui.ui.screens.keys.screen import KeysScreen
from etcdtui.ui.widgets.area import Area
from etcdtui.ui.widgets.lines import LineView
from etcdtui.ui.widgets.syntax import SYNTAXES, syntax_of, tones
from tests.support import Server, eventually
from tests.ui.test_shell import profile, running

DOCUMENTS = {
    "json": '{"name": "a", "n": -1.5e3, "on": true, "none": null}',
    "yaml": 'name: some words  # why\nlist: [1, "two", true]\n- item: 5',
    "toml": '[head]\nname = "a" # why\nn = 5\non = true\nday = 2026-01-01',
    "xml": '<a href="b">text &amp; more</a><!-- why -->',
}


@pytest.mark.parametrize("syntax", sorted(SYNTAXES))
def test_names_strings_numbers_and_words_of_a_document_look_different(syntax: str) -> None:
    found: dict[str, list[str]] = {}
    for line in DOCUMENTS[syntax].split("\n"):
        for start, end, tone in tones(line, syntax):
            found.setdefault(tone, []).append(line[start:end])
    assert {"field", "string", "number", "keyword"} <= set(found), found
    assert not any(word in found["string"] for word in ("5", "true")), found


@pytest.mark.parametrize(("kind", "syntax"), [("JSON", "json"), ("gzip > YAML", "yaml"), ("text", ""), ("XML", "xml")])
def test_the_syntax_follows_the_kind(kind: str, syntax: str) -> None:
    assert syntax_of(kind) == syntax


@pytest.mark.parametrize("width", [120, 76, 75, 43, 42, 39, 38, 25])
def test_a_hex_dump_fits_and_keeps_its_text_whole(width: int) -> None:
    made = HexLines(bytes(range(33, 100))).fitting(width)
    assert max(len(line) for line in made) <= max(width, 23)
    assert "".join(line[-made.row :] for line in made[:-1]) == "".join(
        map(chr, range(33, 33 + made.row * (len(made) - 1)))
    )


class OneLine(App[None]):
    def compose(self) -> ComposeResult:
        yield Painted()


class Painted(LineView):
    row_count = 2

    def render_row(self, index: int, width: int) -> Text:
        return Text("gone", Style(color="red"), no_wrap=True)


async def test_a_row_of_one_colour_keeps_it() -> None:
    """Removed lines in History had the colour of all others: Rich leaves the style of a text without spans out."""
    app = OneLine()
    async with app.run_test(size=(20, 4)):
        (segment, *_) = app.query_one(Painted).render_line(1)
        assert segment.text == "gone"
        assert segment.style is not None
        assert segment.style.color != app.query_one(Painted).base_style().color


async def test_the_title_of_the_pane_with_the_focus_stands_out(etcd: Server, tmp_path: Path) -> None:
    await etcd.put("/face/a.json", '{"n": 1}')
    async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
        screen = app.shown
        assert isinstance(screen, KeysScreen)
        screen.go_to(b"/face/a.json")
        await eventually(lambda: "JSON | text | hex" in screen.pane.head.render().plain)
        tree, value = screen.tree_head, screen.pane.head

        def backgrounds() -> tuple[str, str]:
            return tree.styles.background.hex, value.styles.background.hex

        stood_out, quiet = backgrounds()
        assert stood_out != quiet
        await pilot.press("tab")
        await eventually(lambda: backgrounds() == (quiet, stood_out))
        await pilot.press("e")
        await eventually(lambda: isinstance(app.screen, EditDialog))
        area = app.screen.query_one(Area)
        assert area.syntax == "json"
        assert any(isinstance(span.style, Style) and span.style.color for span in area.get_line(0).spans)
