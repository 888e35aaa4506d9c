"""Makes ``docs/etcdtui.1`` from the command line's own parser: ``python -m tests.docs.manpage``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from etcdtui import cli

PAGE = Path(__file__).parents[2] / "docs" / "etcdtui.1"
FILES = (
    ("~/.config/etcdtui/config.yaml", "the profiles; $ETCDTUI_CONFIG or --config name another file"),
    ("~/.local/state/etcdtui/", "audit, drafts, trash, saved watches and the log; $XDG_STATE_HOME moves it"),
)
EXAMPLES = (
    ("etcdtui --endpoints 10.0.0.1:2379 /config/", "look at one cluster, from a prefix on"),
    ("etcdtui -p prod-eu --doctor", "judge a cluster without a screen"),
    ("etcdtui -p prod-eu --watch /app/ -w json", "every change below a prefix as JSON lines"),
    ("etcdtui --completions bash > ~/.local/share/bash-completion/completions/etcdtui", "complete these words"),
    ("etcdtui demo", "a throw-away cluster with sample data"),
)


def page() -> str:
    """The whole page in man's macros."""
    parser = cli._parser()
    lines = [
        ".TH ETCDTUI 1",
        ".SH NAME",
        "etcdtui \\- a terminal UI for etcd v3",
        ".SH SYNOPSIS",
        ".B etcdtui",
        "[\\fIOPTION\\fR...] [\\fIKEY-OR-PREFIX\\fR]",
        ".br",
        ".B etcdtui demo",
        "[\\fB\\-\\-members\\fR \\fIN\\fR]",
        ".SH DESCRIPTION",
        _plain(parser.description or ""),
        "On the screen ? shows the keys, o what can be done, and ctrl+p finds every action.",
        _plain(parser.epilog or ""),
        *_options(parser),
        ".SH FILES",
        *_pairs(FILES),
        ".SH EXAMPLES",
        *_pairs(EXAMPLES),
        ".SH SEE ALSO",
        ".BR etcdctl (1),",
        ".BR etcd (1)",
    ]
    return "\n".join(lines) + "\n"


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for group in parser._action_groups:
        if not group._group_actions:
            continue
        yield f".SH {(group.title or 'options').upper()}"
        for action in group._group_actions:
            yield ".TP"
            yield _head(action)
            yield _plain(action.help or "")


def _head(action: argparse.Action) -> str:
    names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in action.option_strings)
    takes = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else "")
    value = f"\\fI{_escaped(str(takes))}\\fR" if takes and action.nargs != 0 else ""
    return " ".join(part for part in (names, value) if part)


def _pairs(pairs: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for head, text in pairs:
        yield from (".TP", f"\\fB{_escaped(head)}\\fR", _plain(text))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _plain(text: str) -> str:
    line = _escaped(text.replace("%%", "%"))
    return f"\\&{line}" if line.startswith((".", "'")) else line


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
