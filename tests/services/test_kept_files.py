"""Files the program kept for itself, as a crash, a full disk or somebody else left them: read, or left out in peace."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from etcdtui.config.state import load_places
from etcdtui.core.int64 import int64, seconds
from etcdtui.services.tree.places import Places
from etcdtui.services.writing import journal
from etcdtui.services.writing.drafts import Drafts
from etcdtui.services.writing.transfer import TransferError
from etcdtui.services.writing.trash import Trash

HUGE = ["Infinity", "-Infinity", "NaN", "1e400", "1" + "0" * 400, "1" + "0" * 5000, "9223372036854775808"]
WRONG = ["null", "true", '"x"', "[]", "{}", "1.5"]
NESTED = "[" * 100_000
KEY = base64.b64encode(b"/k").decode()


@pytest.mark.parametrize("number", [*HUGE, *WRONG])
@pytest.mark.parametrize("where", ["time", "mod", "create", "version", "lease"])
def test_a_draft_with_impossible_numbers_is_no_draft(tmp_path: Path, where: str, number: str) -> None:
    drafts = Drafts(tmp_path, "p", 5, now=lambda: 1.0)
    drafts.save(b"/k", None, b"v")
    (path,) = tmp_path.iterdir()
    base = {"value": '""', "mod": "1", "create": "1", "version": "1", "lease": '"0"'}
    rows = {"version": "1", "profile": '"p"', "cluster_id": '"5"', "time": "1", "key": f'"{KEY}"', "value": '""'}
    (rows if where == "time" else base)[where] = number
    rows["base"] = _object(base)
    path.write_text(_object(rows))
    odd = drafts.find(b"/k")
    assert (odd is not None) == ((where, number) == ("time", "1.5"))
    assert path.exists(), "what cannot be read is not thrown away"
    assert drafts.all() == ([] if odd is None else [odd])


@pytest.mark.parametrize("text", [NESTED, "", "null", "[]", '"x"', "\x00", '{"base": 5}', '{"key": 5, "base": null}'])
def test_a_file_that_is_no_draft_journal_or_place_is_left_alone(tmp_path: Path, text: str) -> None:
    drafts = Drafts(tmp_path / "d", "p", 5)
    drafts.save(b"/k", None, b"v")
    (path,) = (tmp_path / "d").iterdir()
    path.write_text(text)
    assert drafts.find(b"/k") is None
    moved = tmp_path / "move-1.jsonl"
    moved.write_text(text + "\n")
    assert journal.read(moved) is None
    assert journal.unfinished(tmp_path, 5) == []
    (tmp_path / "places.json").write_text(text)
    assert load_places(tmp_path).recent == ()
    trash = Trash(tmp_path, "p")
    with pytest.raises(TransferError):
        trash.read(moved)


@pytest.mark.parametrize("number", [*HUGE, *WRONG])
@pytest.mark.parametrize("where", ["revision", "time", "m", "l", "pairs"])
def test_a_journal_with_impossible_numbers_is_no_journal(tmp_path: Path, where: str, number: str) -> None:
    head = {"format": '"etcdtui-move"', "version": "1", "profile": '"p"', "cluster_id": '"5"', "source": f'"{KEY}"',
            "target": f'"{KEY}"', "revision": "1", "time": "1", "pairs": "1"}  # fmt: skip
    pair = {"s": f'"{KEY}"', "t": f'"{KEY}"', "m": "1", "l": '"0"', "h": '""'}
    path = tmp_path / "move-1.jsonl"
    path.write_text(f"{_object(head)}\n{_object(pair)}\n")
    assert journal.read(path) is not None
    (head if where in head else pair)[where] = number
    path.write_text(f"{_object(head)}\n{_object(pair)}\n")
    assert (journal.read(path) is not None) == ((where, number) in (("time", "1.5"), ("pairs", "true")))


@pytest.mark.parametrize("number", [*HUGE, *WRONG])
def test_places_with_impossible_numbers_are_forgotten_and_the_others_kept(tmp_path: Path, number: str) -> None:
    good = '{"profile": "p", "key": "2f67", "name": "good", "seen": 5}'
    odd = '{"profile": "p", "key": "2f6f", "name": "odd", "seen": %s}' % number  # noqa: UP031 - braces
    (tmp_path / "places.json").write_text(f'{{"bookmarks": [{odd}, {good}], "recent": [{good}, {odd}, 7]}}')
    places = Places("p")
    places.load(tmp_path)
    unreadable = len(number) > 5000
    known = set() if unreadable else {b"/g", b"/o"} if number == "1.5" else {b"/g"}
    assert set(places.bookmarks.values()) == set(places.recent()) == known
    places.keep_visit(tmp_path, b"/new")
    assert json.loads((tmp_path / "places.json").read_text())["recent"][0]["key"] == b"/new".hex()
    assert (tmp_path / "places.json.damaged").exists() == unreadable, "what cannot be read is not thrown away"


def test_a_name_of_a_megabyte_does_not_cost_the_other_places(tmp_path: Path) -> None:
    places = Places("p")
    places.keep_visit(tmp_path, b"/a")
    places.keep_visit(tmp_path, b"k" * 1_000_000)
    with pytest.raises(OSError, match="not kept"):
        places.keep_bookmark(tmp_path, b"k" * 1_000_000, "big")
    assert [place.key_bytes for place in load_places(tmp_path).recent] == [b"/a"]


@pytest.mark.parametrize("value", [2**63, -(2**63), 1.0, True, None, "", "x", "0x", [], float("inf")])
def test_what_is_no_number_of_64_bits_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"number|64 bits|invalid literal"):
        int64(value)


def test_numbers_and_times_as_they_are_written() -> None:
    assert [int64(7), int64("7"), int64("1f", 16), int64(-1)] == [7, 7, 31, -1]
    assert [seconds(0), seconds(1.5)] == [0.0, 1.5]
    for odd in (float("inf"), float("nan"), 10**400, -1, True, "1"):
        with pytest.raises(ValueError, match="not a time"):
            seconds(odd)


def _object(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}"
