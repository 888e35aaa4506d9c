"""Watches that are kept: those of the profile, and those that a person kept in an earlier run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from etcdtui.config.folders import private_folder
from etcdtui.config.state import write_atomic
from etcdtui.core.keypath import KeySyntaxError, escape_key
from etcdtui.core.typed_range import typed_range
from etcdtui.core.value import Value
from etcdtui.services.tail.source import WatchSpec

FILE = "watches.json"
MOST = 200
FILE_BYTES = 1024 * 1024


class Saved(Value):
    """A watch by its name; ``fixed`` when it is the profile's own."""

    name: str
    spec: WatchSpec
    fixed: bool = False


def spec_of(text: str) -> WatchSpec:
    """A watch as it is written: a key, ``/prefix/``, ``prefix*``, ``*`` or ``a..b``. Raises ``KeySyntaxError``."""
    return WatchSpec(*typed_range(text))


def text_of(spec: WatchSpec) -> str:
    """The range as ``spec_of`` reads it."""
    key = escape_key(spec.key)
    if not spec.range_end:
        return key
    if (spec.key, spec.range_end) == (b"\0", b"\0"):
        return "*"
    for text in (key, f"{key}*"):
        try:
            if spec_of(text) == WatchSpec(spec.key, spec.range_end):
                return text
        except KeySyntaxError:
            continue
    return f"{key}..{escape_key(spec.range_end)}"


def saved_watches(profile: str, given: Mapping[str, str], folder: Path) -> tuple[list[Saved], list[str]]:
    """All of a profile, those of the configuration first; and a sentence for each that cannot be read."""
    found: dict[str, Saved] = {}
    problems = []
    for fixed, named in ((True, given), (False, _kept(folder).get(profile, {}))):
        for name, text in named.items():
            try:
                found.setdefault(name, Saved(name, spec_of(text), fixed))
            except KeySyntaxError as error:
                problems.append(f"watch {name}: {error}")
    return list(found.values()), problems


def keep(profile: str, name: str, spec: WatchSpec, folder: Path) -> None:
    """Keep a watch for later runs. Raises ``OSError``."""
    kept = _kept(folder)
    mine = kept.setdefault(profile, {})
    mine[name] = text_of(spec)
    while len(mine) > MOST:
        del mine[next(iter(mine))]
    _write(folder, kept)


def forget(profile: str, name: str, folder: Path) -> None:
    """Keep it no longer. Raises ``OSError``."""
    kept = _kept(folder)
    if kept.get(profile, {}).pop(name, None) is not None:
        _write(folder, kept)


def _kept(folder: Path) -> dict[str, dict[str, str]]:
    """What is in the file; it is a convenience, so what cannot be read is left out."""
    try:
        with (folder / FILE).open("rb") as file:
            data = json.loads(file.read(FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {
        profile: {name: text for name, text in named.items() if isinstance(name, str) and isinstance(text, str)}
        for profile, named in data.items()
        if isinstance(named, dict)
    }


def _write(folder: Path, kept: dict[str, dict[str, str]]) -> None:
    write_atomic(private_folder(folder) / FILE, json.dumps(kept).encode())
