"""Formatting changes how YAML and TOML look, and nothing that their own parsers read."""

from __future__ import annotations

import tomllib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from etcdtui.services.values import layouts
from etcdtui.services.writing import forms

YAML = b"""\
# top
host:   pg-1   # first
pool:
      # of the pool
      max:  16
      list:
      -   a: 1
          b: 2

      -   c
      notes: |
          one

            two
      long: "x
        y"
      # the end of the pool
last: {a: 1,
   b: 2}
"""
YAML_PRETTY = """\
# top
host:   pg-1   # first
pool:
  # of the pool
  max:  16
  list:
  - a: 1
    b: 2

  - c
  notes: |
      one

        two
  long: "x
    y"
  # the end of the pool
last: {a: 1,
   b: 2}
"""
TOML = b"""\
title="x # y"   # said
[a]
  list=[ 1,
  2 ]~~~
# of b
[b.c]
text='''
 k=v~~~
'''
"k=1"   =2
""".replace(b"~", b" ")  # blanks at the end of lines
TOML_PRETTY = """\
title = "x # y"   # said

[a]
list = [ 1,
  2 ]

# of b
[b.c]
text = '''
 k=v~~~
'''
"k=1" = 2
""".replace("~", " ")


def test_block_yaml_gets_two_blanks_a_level_and_keeps_its_comments() -> None:
    form = forms.laid_out(YAML)
    assert form.text == YAML_PRETTY
    assert yaml.safe_load(form.text) == yaml.safe_load(YAML)
    assert form.read(form.text) == YAML_PRETTY.encode()


def test_toml_gets_spaces_round_its_equals_signs_and_keeps_its_comments() -> None:
    form = forms.laid_out(TOML)
    assert form.text == TOML_PRETTY
    assert tomllib.loads(form.text) == tomllib.loads(TOML.decode())


@pytest.mark.parametrize(
    "value",
    [b"{host: pg-1, ports: [1, 0x10], on: 'yes'}", b"{a: {b: [], c: {}}}\n", b"[x, {y: z}]", b"{ a: 1, b: 2 }"],
)
def test_yaml_on_one_line_becomes_a_block_and_is_saved_on_one_line(value: bytes) -> None:
    form = forms.laid_out(value)
    assert form.id == forms.ONE_LINE and "\n" in form.text.strip()
    assert form.read(form.text) == value
    edited = form.text.replace("pg-1", "pg-2").replace("z", "zz").replace("1", "7").replace("{}", "5")
    changed = value.decode().replace("pg-1", "pg-2").replace("z", "zz").replace("1", "7").replace("{}", "5")
    assert form.read(edited) == changed.encode()


def test_what_would_be_changed_is_refused_or_saved_as_shown() -> None:
    odd = b"{a: 1,b: 2, c: 3}"  # no spaces that can be given back
    assert forms.laid_out(odd).id == forms.FORMATTED
    with pytest.raises(ValueError, match="formatted"):
        layouts.YAML.pretty("a: [")
    with pytest.raises(ValueError, match="TOML"):
        layouts.TOML.pretty("a = ")


TREES = st.recursive(
    st.one_of(st.booleans(), st.none(), st.integers(-9, 9), st.text("ab :#-'\"\n,[{é|", max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("abc -", min_size=1), inner)),
    max_leaves=12,
)


@given(st.one_of(st.lists(TREES, min_size=1), st.dictionaries(st.text("abc"), TREES, min_size=1)), st.integers(2, 7),
       st.booleans())  # fmt: skip
def test_formatted_yaml_is_the_same_document(tree: object, indent: int, one_line: bool) -> None:
    text = yaml.safe_dump(
        tree, indent=indent, allow_unicode=True, default_flow_style=one_line, width=10**6 if one_line else 30
    )
    try:
        made = layouts.YAML.pretty(text)
    except ValueError:
        return
    assert yaml.safe_load(made) == tree
    assert layouts.YAML.pretty(made) == made


def test_most_yaml_is_formatted() -> None:
    texts = [yaml.safe_dump({"a": {"b": [1, {"c": "x y", "d": ["e", []]}], "f": None}}, indent=n) for n in (2, 4, 6)]
    assert len({layouts.YAML.pretty(text) for text in texts}) == 1
