"""Paths found by any part of them."""

from __future__ import annotations

import time

import pytest

from etcdtui.core.fuzzy import Pattern

PATHS = [b"/config/app/database/primary.json", b"/config/app/", b"/config/prime", b"/other/app", b"/App/x"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (b"prim", [b"/config/prime", b"/config/app/database/primary.json"]),
        (b"app", [b"/other/app", b"/config/app/", b"/App/x", b"/config/app/database/primary.json"]),
        (b"conf prim", [b"/config/prime", b"/config/app/database/primary.json"]),
        (b"App", [b"/App/x"]),
        (b"cfgpri", [b"/config/prime", b"/config/app/database/primary.json"]),
        (b"'cfgpri", []),
        (b"^/o", [b"/other/app"]),
        (b"app/$", [b"/config/app/"]),
        (b"app !config", [b"/other/app", b"/App/x"]),
        (b"nothing", []),
    ],
)
def test_every_word_is_somewhere_in_the_path_the_nearest_first(typed: bytes, found: list[bytes]) -> None:
    pattern = Pattern(typed)
    scored = sorted((score, path) for path in PATHS if (score := pattern.score(path)) is not None)
    assert [path for _, path in scored] == found


def test_no_word_makes_a_long_name_slow() -> None:
    long = b"a" * 200_000
    began = time.process_time()
    for typed in (b"a" * 400 + b"b", b"ab" * 200, b"[a-z]*.+", b"!'^$ ! ' ^ $"):
        Pattern(typed).score(long)
    assert time.process_time() - began < 2
