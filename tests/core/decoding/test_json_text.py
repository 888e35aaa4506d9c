"""Pretty JSON changes white space only, whatever the document is like."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.core.decoding import json_spans, json_text

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=12,
)
DEEP = "[" * 200_000


def tokens(text: str) -> list[str]:
    return re.findall(r'"(?:[^"\\]|\\.)*"|[^\s"]', text)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_pretty_keeps_every_token(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert json_text.is_json(text)
    assert tokens("".join(json_text.pretty(text))) == tokens(text)


def test_numbers_escapes_and_duplicates_are_kept() -> None:
    text = '{"a":1.10000000000000000001,"a":1e999,"b":"\\u00e9","c":' + "9" * 5000 + "}"
    shown = json_text.pretty(text)
    assert shown[1:4] == ['  "a": 1.10000000000000000001,', '  "a": 1e999,', '  "b": "\\u00e9",']
    assert "9" * 5000 in shown[4]
    assert json_text.has_duplicates(text)


def test_depth_is_no_problem() -> None:
    assert not json_text.is_json(DEEP)
    closed = DEEP + "]" * 200_000
    assert json_text.is_json(closed)
    assert len(json_text.pretty(closed)) == 399_999
    with pytest.raises(ValueError, match="deep"):
        json_text.parse(closed)


@given(st.text(alphabet='[]{},:"\\ \n1e-.tfnul', max_size=14))
def test_both_ways_of_proof_agree(text: str) -> None:
    nested = "[" * 3000 + text + "]" * 3000
    assert json_text.is_json(nested) == json_text.is_json("[[" + text + "]]")


@pytest.mark.parametrize("text", ["NaN", "[1,]", "{a:1}", "'a'", '{"a":1}x', "[1] [2]", '"\t"', "01", '"\\x"'])
def test_what_is_no_json(text: str) -> None:
    assert not json_text.is_json(text)


def test_masked_members_are_hidden_whatever_they_hold() -> None:
    text = '{"Password": "x\\"}", "a": [{"token": {"b": [1, "]"]}}], "pass\\u0077ord": 5, "other": "token"}'
    hidden = frozenset({"password", "token"})
    assert json_text.mask(text, hidden) == (
        '{"Password": "********", "a": [{"token": "********"}], "pass\\u0077ord": "********", "other": "token"}'
    )
    assert json_text.is_json("".join(json_text.pretty(text, hidden)))
    assert json_text.mask(text, frozenset()) == text


@given(VALUES)
def test_every_value_is_found_where_it_stands(value: object) -> None:
    text = json.dumps(value)
    for path, (start, end) in json_spans.values(text).items():
        at = value
        for step in path:
            at = at[step]  # type: ignore[index]  # the path leads through dicts and lists
        assert json.loads(text[start:end]) == at
