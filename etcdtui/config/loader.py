"""Reads and validates a configuration file and what it includes, profile by profile.

Nothing here raises for what a file says: every problem is collected with its line, a profile with a problem is listed
as broken, and the others stay usable.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType

from etcdtui.config.convert import Reader, Refused, expand_path
from etcdtui.config.environ import SettingRefused
from etcdtui.config.files import FileRefused, chmod_hint, read_owned, readable_by_others
from etcdtui.config.nodes import Items, Node, Scalar, Section, YamlRefused
from etcdtui.config.presets import apply_preset
from etcdtui.config.profile import finish
from etcdtui.config.report import Report, shown
from etcdtui.config.schema import (
    ENVIRONMENTS,
    PRESETS,
    BrokenProfile,
    Common,
    Config,
    Defaults,
    Environment,
    Problem,
    Profile,
)
from etcdtui.config.strict_yaml import MAX_BYTES, read
from etcdtui.core.value import record

MAX_INCLUDED = 64
MAX_NAME = 64
TOP_LEVEL = ("version", "defaults", "environments", "profiles", "include", "keymap")
OTHER_PROGRAM = (
    "this is the configuration of another program named etcdtui: its profiles are a list, ours are a mapping of name to"
    " settings; point ETCDTUI_CONFIG or --config at a file of ours"
)


def read_config(file: Path, environ: Mapping[str, str], *, required: bool) -> Config:
    """What the file at ``file`` says, without what is found on this host; not there is a problem when ``required``."""
    loader = _Loader(environ)
    present = loader.main(file, required=required)
    return loader.config(str(file) if present else "")


@record(frozen=False)
class _Loader:
    """Gathers what the main file and the included ones say."""

    environ: Mapping[str, str]
    defaults: Defaults = field(default_factory=Defaults)
    environments: dict[str, Environment] = field(default_factory=lambda: dict(ENVIRONMENTS))
    own_environments: set[str] = field(default_factory=set)
    profiles: dict[str, Profile] = field(default_factory=dict)
    keymap: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    include: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    waiting: list[tuple[Reader, str, Node, int]] = field(default_factory=list)

    def main(self, file: Path, *, required: bool) -> bool:
        """Read the main file and what it includes; False when there is none."""
        report = Report(str(file), self.problems, self.notices)
        root = self._document(file, report, required=required)
        if root is None:
            return bool(self.problems) or file.exists()
        reader = Reader(report, self.environ, file.parent)
        for name, node in root.entries.items():
            self._main_entry(reader, root, name, node)
        for line, pattern in self._patterns(reader, root.entries.get("include")):
            self._included(reader, line, pattern)
        for waiting in self.waiting:
            self._profile(*waiting)
        return True

    def _main_entry(self, reader: Reader, root: Section, name: str, node: Node) -> None:
        report = reader.report
        if name == "version":
            if not (isinstance(node, Scalar) and node.text == "1"):
                report.add(node.line, "version must be 1: this program reads no other")
        elif name == "defaults":
            self.defaults = reader.build(self.defaults, node, "defaults")
            _check_common(report, node, self.defaults)
        elif name == "environments":
            self._environments(reader, node)
        elif name == "profiles":
            self._profiles(reader, node)
        elif name == "keymap":
            self.keymap = reader.build(Config(), Section({name: node}, {name: node.line}, node.line), "file").keymap
        elif name != "include":
            report.unknown(root.lines[name], "key", name, TOP_LEVEL)

    def _document(self, file: Path, report: Report, *, required: bool) -> Section | None:
        """The top-level section of a file, or ``None`` with the reason reported."""
        try:
            data, status = read_owned(file, self.environ, limit=MAX_BYTES)
            document = read(data)
        except FileNotFoundError:
            if required:
                report.add(0, "there is no such file")
            return None
        except FileRefused as error:
            report.add(0, str(error))
            return None
        except YamlRefused as error:
            report.add(error.line, error.text)
            return None
        for line, text in document.problems:
            report.add(line, text)
        root = document.root
        if root is None or (isinstance(root, Scalar) and root.is_null):
            return Section({}, {}, 1)
        if not isinstance(root, Section):
            report.add(root.line, "the file must be a section of name: value lines")
            return None
        if isinstance(root.entries.get("profiles"), Items):
            report.add(root.lines["profiles"], OTHER_PROGRAM)
            return None
        if readable_by_others(status) and (line := _sensitive_line(root)):
            report.add(
                line, f"a file with a password or a command to run must be readable by you only; {chmod_hint(file)}"
            )
            return None
        return root

    def _environments(self, reader: Reader, node: Node, *, included: bool = False) -> None:
        for name, entry, line in _entries(reader.report, node, "environments"):
            if name in self.own_environments or (included and name in self.environments):
                reader.report.add(line, f"environment {shown(name)!r} exists already; an included file may only add")
                continue
            base = self.environments.get(name, Environment(name=name))
            self.environments[name] = reader.build(base, entry, f"environments.{shown(name)}")
            self.own_environments.add(name)

    def _profiles(self, reader: Reader, node: Node) -> None:
        names = {name for _, name, _, _ in self.waiting}
        for name, entry, line in _entries(reader.report, node, "profiles"):
            if name in names:
                reader.report.add(line, f"profile {shown(name)!r} exists already; an included file may only add")
            else:
                self.waiting.append((reader, name, entry, line))

    def _patterns(self, reader: Reader, node: Node | None) -> list[tuple[int, str]]:
        if node is None:
            return []
        items = node.items if isinstance(node, Items) else (node,)
        found = []
        for item in items:
            try:
                if not isinstance(item, Scalar) or not item.text:
                    raise Refused("must be a list of file names")
                found.append((item.line, expand_path(item.text, self.environ, reader.folder)))
            except Refused as error:
                reader.report.add(item.line, f"include: {error}")
        self.include = tuple(pattern for _, pattern in found)
        return found

    def _included(self, main: Reader, line: int, pattern: str) -> None:
        files = sorted(glob.glob(pattern))  # noqa: PTH207 - the pattern is absolute
        if not files and not glob.has_magic(pattern):
            main.report.add(line, f"include: there is no file {shown(pattern)}")
        if len(files) > MAX_INCLUDED:
            main.report.add(line, f"include: more than {MAX_INCLUDED} files match")
        for name in files[:MAX_INCLUDED]:
            report = Report(name, self.problems, self.notices, included=True)
            root = self._document(Path(name), report, required=True)
            if root is None:
                continue
            reader = Reader(report, self.environ, Path(name).parent)
            for entry, node in root.entries.items():
                if entry == "profiles":
                    self._profiles(reader, node)
                elif entry == "environments":
                    self._environments(reader, node, included=True)
                elif entry != "version":
                    report.unknown(root.lines[entry], "in an included file, key", entry, ("profiles", "environments"))

    def _profile(self, reader: Reader, name: str, node: Node, line: int) -> None:
        """Read one profile; its problems carry its name and touch no other."""
        report = reader.report
        report.profile = name
        before = len(report.problems)
        common = {f: getattr(self.defaults, f) for f in Common.__dataclass_fields__}
        profile = Profile(name=name, where=f"{report.file}:{line}", **common)
        entries = node.entries if isinstance(node, Section) else {}
        preset = entries.get("preset")
        if isinstance(preset, Scalar) and preset.text in PRESETS:
            try:
                profile = apply_preset(profile, preset.text, self.environ)
            except SettingRefused as error:
                report.add(preset.line, str(error))
        profile = reader.build(profile, node, f"profiles.{shown(name)}")
        _check_common(report, node, profile)
        profile = finish(profile, node, self.environments, report, line)
        report.profile = ""
        if len(report.problems) == before:
            self.profiles[name] = profile

    def config(self, file: str) -> Config:
        """The result, with broken profiles."""
        by_name: dict[str, list[Problem]] = {}
        for problem in self.problems:
            if problem.profile:
                by_name.setdefault(problem.profile, []).append(problem)
        return Config(
            defaults=self.defaults,
            environments=MappingProxyType(self.environments),
            profiles=tuple(self.profiles.values()),
            include=self.include,
            keymap=self.keymap,
            broken=tuple(BrokenProfile(name, tuple(problems)) for name, problems in by_name.items()),
            problems=tuple(sorted(self.problems, key=lambda p: (p.file, p.line))),
            notices=tuple(self.notices),
            file=file,
        )


def _entries(report: Report, node: Node, where: str) -> list[tuple[str, Node, int]]:
    """Name, value and line of each entry of a section of named things."""
    if isinstance(node, Scalar) and node.is_null:
        return []
    if not isinstance(node, Section):
        report.add(node.line, f"{where} must be a section of name: settings lines")
        return []
    found = []
    for name, entry in node.entries.items():
        line = node.lines[name]
        if not name or len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
            report.add(line, f"a name under {where} must be printable and 1 to {MAX_NAME} characters")
        else:
            found.append((name, entry, line))
    return found


def _check_common(report: Report, node: Node, common: Common) -> None:
    if not 1 <= common.page_size <= 10_000 and isinstance(node, Section) and "page_size" in node.entries:
        report.add(node.entries["page_size"].line, "page_size must be 1 to 10000")


def _sensitive_line(node: Node) -> int:
    """The line of the first key that holds a secret or names a command, 0 when there is none."""
    stack: list[Node] = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, Items):
            stack.extend(reversed(top.items))
        elif isinstance(top, Section):
            for name in top.entries:
                if name in ("password", "password_command"):
                    return top.lines[name]
            stack.extend(reversed(top.entries.values()))
    return 0
