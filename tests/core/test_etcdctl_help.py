"""The help of the command line: every command is in it, and every example is read."""

from __future__ import annotations

import pytest

from etcdtui.core.etcdctl_grammar import VERBS, parse_line
from etcdtui.core.etcdctl_groups import FORMS
from etcdtui.core.etcdctl_help import EXAMPLES


def test_every_command_has_an_example() -> None:
    groups = {f"{group} {sub}".strip() for (group, sub), form in FORMS.items() if not form.instead}
    assert set(EXAMPLES) == {*VERBS, *groups}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_read_as_what_it_shows(name: str) -> None:
    example, words = EXAMPLES[name]
    parsed = parse_line(example)
    assert parsed.command is not None and not parsed.notices, parsed
    assert example.startswith(name) and words.endswith(".")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("gte /a", "get"), ("wacth /a", "watch"), ("memebr list", "member"), ("lease revok 1", "revoke")],
)
def test_an_unknown_word_names_the_nearest(typed: str, meant: str) -> None:
    assert f"id you mean {meant}?" in parse_line(typed).error


def test_a_word_that_is_near_nothing_leads_to_the_list() -> None:
    assert parse_line("xyzzy").error == "xyzzy is no command. :help lists them."


def test_a_table_is_what_every_answer_is_shown_as() -> None:
    for line in ("endpoint status -w table", "get --prefix /a -w=table", "member list --write-out=table"):
        parsed = parse_line(line)
        assert parsed.command is not None and not parsed.notices
    assert "has no effect" in parse_line("member list -w json").notices[0]
