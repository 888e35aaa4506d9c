"""Puts a profile into the configuration file of a person, and leaves every line that is there as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from etcdtui.config.folders import private_folder
from etcdtui.config.loader import read_config
from etcdtui.config.schema import Kind, Profile
from etcdtui.config.secrets import Secret
from etcdtui.config.state import write_atomic
from etcdtui.config.units import format_duration
from etcdtui.core.errors import ConfigError
from etcdtui.core.value import Value

PROFILES = re.compile(r"^profiles:[ \t]*(#.*)?$", re.MULTILINE)
TAKEN = re.compile(r"^profiles:", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
LEFT_OUT = frozenset({"name", "preset", "read_only"})


def profile_data(profile: Profile) -> dict[str, object]:
    """What the file has to say for it: whatever is no default, and no secret."""
    return _changed(profile, Profile())


def _changed(value: Value, default: Value) -> dict[str, object]:
    assert is_dataclass(value)
    found: dict[str, object] = {}
    for one in fields(value):
        if "kind" not in one.metadata or one.name in LEFT_OUT:
            continue
        mine, usual = getattr(value, one.name), getattr(default, one.name)
        if isinstance(mine, Secret) or mine == usual:
            continue
        found[one.name] = _plain(one.metadata["kind"], mine, usual)
    return {name: data for name, data in found.items() if data != {}}


def _plain(kind: Kind, value: Any, usual: Any) -> object:
    if kind is Kind.SECTION:
        return _changed(value, usual)
    if kind is Kind.SECTIONS:
        return [_changed(item, type(item)()) for item in value]
    if kind is Kind.DURATION:
        return format_duration(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def with_profile(text: str, name: str, profile: Profile) -> str:
    """The text of the file with the profile first in its section; raises ``ConfigError`` where it does not fit."""
    if not NAME.match(name):
        raise ConfigError("a name has letters, digits, dots and dashes, 64 at most")
    block = yaml.safe_dump({name: profile_data(profile)}, sort_keys=False, allow_unicode=True, width=110)
    section = PROFILES.search(text)
    if section is None:
        if TAKEN.search(text):
            raise ConfigError("the section profiles is written on one line; add it by hand (e)")
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        head = "" if text else "version: 1\n\n"
        return f"{head}{text}{gap}profiles:\n{_indented(block, '  ')}"
    rest = text[section.end() :]
    first = re.search(r"^([ ]+)[^ #\n]", rest, re.MULTILINE)
    after = section.end() + 1
    return f"{text[: section.end()]}\n{_indented(block, first[1] if first else '  ')}{text[after:]}"


def _indented(block: str, space: str) -> str:
    return "".join(f"{space}{line}\n" for line in block.splitlines())


def save_profile(file: Path, name: str, profile: Profile, environ: Mapping[str, str]) -> None:
    """Write it into the file, which is made when there is none; the result is read before it takes its place.

    Raises ``ConfigError`` with the reason; then the file is as it was.
    """
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        if text and name in {one.name for one in read_config(file, environ, required=True).profiles}:
            raise ConfigError(f"there is a profile {name} already")
        trial = private_folder(file.parent) / f".{file.name}.new"
        try:
            write_atomic(trial, with_profile(text, name, profile).encode())
            read = read_config(trial, environ, required=True)
        finally:
            trial.unlink(missing_ok=True)
        problems = [problem.text for problem in read.problems if problem.profile in ("", name)]
        if problems or name not in {one.name for one in read.profiles}:
            raise ConfigError(f"it would not be understood: {'; '.join(problems[:3]) or 'the name is lost'}")
        write_atomic(file, with_profile(text, name, profile).encode(), mode=0o600)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be written: {error}") from None
