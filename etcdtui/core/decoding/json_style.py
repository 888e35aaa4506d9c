"""JSON laid out for eyes, edited, and put back into the layout that it had: only what was changed is other text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from etcdtui.core.decoding import json_text
from etcdtui.core.diff import changed_blocks

_SPACE = " \t\n\r"


def is_minified(text: str) -> bool:
    """Whether a document with something in it stands on one line."""
    return "\n" not in text.strip()


def pretty(text: str) -> str:
    """The document indented, each token as it is written; raises ``ValueError`` if it is not JSON."""
    if not json_text.is_json(text):
        raise ValueError("This is not JSON, so it cannot be formatted.")
    return "\n".join(json_text.pretty(text))


def restyle(wanted: str, like: str) -> str:
    """The tokens of ``wanted`` in the layout of ``like``: what both have stays as it is written there.

    What is new is written with the spaces that ``like`` has after commas and colons. Raises ``ValueError`` if either is
    not JSON.
    """
    if not json_text.is_json(wanted):
        raise ValueError("This is not JSON, so it cannot be put back on one line: mend it, or save it as shown.")
    old, new = _tokens(like), _tokens(wanted)
    gaps = _Gaps(old)
    out: list[str] = []
    before = ""
    old_at = new_at = 0
    blocks = changed_blocks([token.encode() for _, token in old], [token.encode() for _, token in new])
    for a0, a1, b0, b1 in [*blocks, (len(old), len(old), len(new), len(new))]:
        for at in range(old_at, a0):
            gap, token = old[at]
            moved = at == old_at and at > 0
            out += [gaps.between(before, token) if moved else gap, token]
            before = token
        for _, token in new[b0:b1]:
            out += [gaps.between(before, token), token]
            before = token
        old_at, new_at = a1, b1
    assert new_at == len(new)
    return "".join(out) + like[len(like.rstrip(_SPACE)) :]


def _tokens(text: str) -> list[tuple[str, str]]:
    """Each token with the space before it."""
    found: list[tuple[str, str]] = []
    end = 0
    for match in json_text.TOKEN.finditer(text):
        found.append((text[end : match.start()], match[0]))
        end = match.end()
    return found


class _Gaps:
    """The space that a document mostly has after a token."""

    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        seen: dict[str, Counter[str]] = {}
        before = ""
        for gap, token in tokens:
            seen.setdefault(before if before in (",", ":") else "", Counter())[gap] += 1
            before = token
        self._usual = {name: counts.most_common(1)[0][0] for name, counts in seen.items()}

    def between(self, before: str, part: str) -> str:
        name = before if before in (",", ":") else ""
        return self._usual.get(name, "") if name and part not in "]}" else ""
