"""The renderable made of foreign text, and the net below it: each is safe without the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from etcdtui.ui.text import REPLACED, TerminalNet, safe

ANY_TEXT = st.text(alphabet=st.characters(codec=None))
NET = TerminalNet()
BLACK = Color(0, 0, 0)


@given(st.one_of(st.binary(), ANY_TEXT))
def test_safe_text_is_printable_and_is_drawn_without_an_escape(value: bytes | str) -> None:
    text = safe(value)
    assert text.plain.isprintable()
    assert not any(segment.style and segment.style.link for segment in text.render(Console()))


def test_replaced_spans_are_styled() -> None:
    text = safe(b"a\x1bb")
    assert [(span.start, span.end, span.style) for span in text.spans] == [(1, 2, REPLACED)]


def test_markup_stays_text() -> None:
    for hostile in ("[/x]", "[b]", "[@click=app.quit]x[/]", "trail\\"):
        assert safe(hostile).plain == hostile


@given(ANY_TEXT)
def test_the_net_alone_stops_everything_and_keeps_the_width(text: str) -> None:
    (segment,) = NET.apply([Segment(text)], BLACK)
    assert segment.text.isprintable()
    assert cell_len(segment.text) == cell_len(text)


def test_the_net_drops_links_and_click_actions_but_not_other_meta() -> None:
    style = Style(bold=True, link="http://x") + Style.from_meta({"@click": "app.quit", "line": 3})
    (segment,) = NET.apply([Segment("x", style)], BLACK)
    assert segment.style is not None
    assert segment.style.link is None
    assert segment.style.meta == {"line": 3}
    assert segment.style.bold


def test_the_net_hands_clean_segments_on_as_they_are() -> None:
    clean = Segment("plain", Style(bold=True))
    assert NET.apply([clean], BLACK)[0] is clean
