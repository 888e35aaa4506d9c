"""What a shell wants of the program: completions for its words, and the files that come along.

The completions are made by argcomplete, which asks the program itself at each tab; it is imported only then.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from etcdtui.config.choose import ENV
from etcdtui.config.load import load
from etcdtui.config.profile import LOCAL
from etcdtui.config.schema import PRESETS
from etcdtui.config.themes import packaged_folder

SHELLS = ("bash", "zsh", "fish")
ASKED = "_ARGCOMPLETE"
"""The variable that is set while a shell asks for completions."""
EXAMPLE, SCHEMA = "config.example.yaml", "config.schema.json"
Complete = Callable[..., Sequence[str]]


def script(shell: str) -> str:
    """What the shell has to read so that it completes ``etcdtui``."""
    from argcomplete.shell_integration import shellcode

    return str(shellcode(["etcdtui"], shell=shell))


def answer(parser: argparse.ArgumentParser, words: Mapping[str, Complete]) -> None:
    """Answer the shell and leave the program. ``words`` complete options by their name; options without choices that
    are not named complete to nothing."""
    import argcomplete

    for action in parser._actions:
        known = next((words[name] for name in (*action.option_strings, action.dest) if name in words), None)
        if known is not None or action.choices is None:
            action.completer = known or these()  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def these(*words: str) -> Complete:
    """Completes to some of the words."""
    return lambda **_: words


def files() -> Complete:
    """Completes names of files."""
    from argcomplete.completers import FilesCompleter

    complete: Complete = FilesCompleter()
    return complete


def profile_names(**_: object) -> list[str]:
    """The profiles of the configuration, what was found on this host, and the presets."""
    config = load(os.environ)
    names = [profile.name for profile in (*config.profiles, *config.found)]
    return list(dict.fromkeys([*names, ENV, LOCAL, *PRESETS]))


def theme_names(**_: object) -> list[str]:
    return ["auto", *sorted(file.stem for file in packaged_folder().glob("*.yaml"))]


def companion(name: str) -> Path:
    """A file that is installed with the package, or that of the source tree."""
    installed = Path(str(resources.files("etcdtui") / name))
    if installed.is_file():
        return installed
    root = Path(__file__).resolve().parent.parent
    return next(file for file in (root / name, root / "docs" / name) if file.is_file())
