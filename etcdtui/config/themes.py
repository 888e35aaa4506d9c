"""Theme files: names of roles to colours, as data the UI turns into its own themes.

A theme lies in the package, or in the user's folder ``themes`` beside the configuration, where it wins over a packaged
one of the same name. Colours are ``#rrggbb`` or ``ansi_NAME``, one of the terminal's own sixteen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path

from etcdtui.config.nodes import Node, Scalar, Section, YamlRefused
from etcdtui.config.report import Report, shown
from etcdtui.config.schema import Problem
from etcdtui.config.strict_yaml import MAX_BYTES, read
from etcdtui.core.value import Value

ANSI_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
ANSI = frozenset(f"ansi_{bright}{name}" for bright in ("", "bright_") for name in ANSI_NAMES) | {"ansi_default"}
HEX = re.compile(r"#[0-9a-fA-F]{6}\Z")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
MAX_THEMES = 100


class ThemeSpec(Value):
    """A validated theme: every role has a colour; the roles are the keys of the file."""

    name: str
    dark: bool
    background: str
    surface: str
    panel: str
    foreground: str
    muted: str
    border: str
    primary: str
    accent: str
    selection: str
    selection_text: str
    key: str
    folder: str
    value: str
    number: str
    lease: str
    marked: str
    changed: str
    added: str
    removed: str
    error: str
    warn: str
    ok: str
    stale: str
    masked: str
    foreign: str
    prod: str
    staging: str
    dev: str
    no_environment: str
    environment_text: str
    readonly: str
    writes_on: str
    label: str = ""


ROLES = tuple(f.name for f in fields(ThemeSpec) if f.name not in ("name", "dark", "label"))


class Themes(Value):
    """Usable themes by name, and what is wrong with the others."""

    themes: Mapping[str, ThemeSpec]
    problems: tuple[Problem, ...] = ()


def packaged_folder() -> Path:
    """The themes installed with the package, or those of the source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "themes"
    return installed if installed.is_dir() else package.parent / "themes"


def load_themes(*folders: Path, only: Collection[str] = ()) -> Themes:
    """All themes of the folders; a later folder wins over an earlier one of the same name.

    With ``only``, just the themes of these names are read from the first folder, which is quicker.
    """
    themes: dict[str, ThemeSpec] = {}
    problems: list[Problem] = []
    for folder in folders:
        for file in sorted(folder.glob("*.yaml"))[:MAX_THEMES]:
            if only and folder == folders[0] and file.stem not in only:
                continue
            theme = _theme(file, problems)
            if theme is not None:
                themes[theme.name] = theme
    return Themes(themes, tuple(problems))


def unknown_theme(name: str, themes: Themes) -> list[str]:
    """Why the theme of that name cannot be shown, as sentences; empty when it can."""
    if name == "auto" or name in themes.themes:
        return []
    known = ", ".join(("auto", *themes.themes))
    return [f"there is no theme {shown(name)!r}; there are {known}", *(str(problem) for problem in themes.problems)]


def _theme(file: Path, problems: list[Problem]) -> ThemeSpec | None:
    report = Report(str(file), problems, [])
    before = len(problems)
    try:
        with file.open("rb") as stream:
            document = read(stream.read(MAX_BYTES + 1))
    except OSError as error:
        report.add(0, f"cannot be read: {error.strerror}")
        return None
    except YamlRefused as error:
        report.add(error.line, error.text)
        return None
    for line, text in document.problems:
        report.add(line, text)
    if not isinstance(document.root, Section):
        report.add(1, "a theme is a section of role: colour lines")
        return None
    head = {"version", "name", "dark", "label"}
    for entry in document.root.entries:
        if entry not in head and entry not in ROLES:
            report.unknown(document.root.lines[entry], "role", entry, (*head, *ROLES))
    spec = _spec(document.root, report, file.stem)
    return spec if len(problems) == before else None


def _spec(root: Section, report: Report, stem: str) -> ThemeSpec:
    colours: dict[str, str] = {}
    for role in ROLES:
        node = root.entries.get(role)
        if node is None:
            report.add(root.line, f"role {role} has no colour")
        colours[role] = _colour(role, node, report) if node is not None else ""
    name, dark = _word(root, "name", stem), _word(root, "dark", "true")
    if not NAME.match(name):
        report.add(root.line, "name must be 1 to 32 small letters, digits and dashes")
    if dark not in ("true", "false"):
        report.add(root.line, "dark must be true or false")
    label = _word(root, "label", name)
    return ThemeSpec(name=name, dark=dark == "true", label=label if label.isprintable() else name, **colours)


def _word(root: Section, name: str, default: str) -> str:
    node = root.entries.get(name)
    return node.text if isinstance(node, Scalar) else default


def _colour(role: str, node: Node, report: Report) -> str:
    text = node.text if isinstance(node, Scalar) else ""
    if not HEX.match(text) and text not in ANSI:
        hint = " (a # outside of quotes begins a comment)" if not text else ""
        report.add(
            node.line, f"{role}: {shown(text)!r} is neither '#rrggbb' nor a colour such as ansi_bright_red{hint}"
        )
    return text
