"""Checks a user's ``keymap:`` against the table of actions; a typing error is told, never ignored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from etcdtui.config.report import nearest, shown
from etcdtui.core.value import record

NAMED_KEYS = frozenset(
    """
    enter escape tab space backspace delete insert home end pageup pagedown up down left right
    exclamation_mark quotation_mark number_sign dollar_sign percent_sign ampersand apostrophe left_parenthesis
    right_parenthesis asterisk plus comma minus full_stop slash colon semicolon less_than_sign equals_sign
    greater_than_sign question_mark at left_square_bracket backslash right_square_bracket circumflex_accent underscore
    grave_accent left_curly_bracket vertical_line right_curly_bracket tilde
    """.split()  # noqa: SIM905 - a list literal of fifty words is no easier to read
) | {f"f{n}" for n in range(1, 25)}
MODIFIER = re.compile(r"(?:(?:ctrl|shift|super|hyper|meta|alt)\+)+")
NEVER = {
    "ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+j": "enter", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape",
}  # fmt: skip
"""Chords a terminal cannot tell from the key named."""


@record()
class CheckedKeymap:
    """``keys`` is action id to keys, ready for the UI; ``problems`` are sentences about entries left out."""

    keys: Mapping[str, str]
    problems: tuple[str, ...]


def check_keymap(keymap: Mapping[str, str], actions: Iterable[str]) -> CheckedKeymap:
    """Keep the entries whose action id is in ``actions`` and whose keys can be pressed."""
    known = frozenset(actions)
    good: dict[str, str] = {}
    problems: list[str] = []
    for action, text in keymap.items():
        if action not in known:
            problems.append(f"keymap: action {shown(action)!r} is unknown{nearest(action, known)}")
            continue
        keys = [key.strip() for key in text.split(",")]
        bad = [reason for key in keys if (reason := _problem(key))]
        problems.extend(f"keymap.{action}: {reason}" for reason in bad)
        if not bad:
            good[action] = ",".join(keys)
    return CheckedKeymap(good, tuple(problems))


def _problem(key: str) -> str:
    if not key:
        return 'a key is empty; write the comma key as "comma"'
    if key in NEVER:
        return f"a terminal sends {key} as {NEVER[key]}; choose another"
    match = MODIFIER.match(key)
    bare = key[match.end() :] if match else key
    if (len(bare) == 1 and bare.isprintable()) or bare in NAMED_KEYS:
        return ""
    return f"{shown(key)!r} is not the name of a key{nearest(bare, NAMED_KEYS) if len(bare) > 1 else ''}"
