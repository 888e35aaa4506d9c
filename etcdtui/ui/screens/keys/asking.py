"""The dialogs of the Keys screen. Imported when the first of them is wanted: no key of the tree waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text

from etcdtui.core.errors import EtcdError
from etcdtui.core.keytree import Row
from etcdtui.core.listing import UNKNOWN
from etcdtui.core.tree import Path
from etcdtui.core.units import format_size
from etcdtui.services.reads import browse
from etcdtui.services.tree.finding import Finding
from etcdtui.services.values.families.family import Jump
from etcdtui.ui.frame import outward
from etcdtui.ui.frame.copying import choices, offer
from etcdtui.ui.frame.host import Face, VisitSearch
from etcdtui.ui.modals.find import FindDialog, Picked
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.screens.keys.facts import lease_words
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe

if TYPE_CHECKING:  # only named here
    from etcdtui.ui.screens.keys.screen import KeysScreen

COPY_LINES = 100_000
PATH_SHOWN = 2_000
"""Characters of a name where all of it is wanted."""


def find(screen: KeysScreen) -> None:
    """Ask for a path and go there."""
    browser = screen.browser

    families = screen.session.guard.families

    def found(picked: Picked | None) -> None:
        if picked is None:
            return
        jump = families.jump(picked.path) if picked.path else None
        if jump is not None:
            spawn(screen, partial(_jump, screen, jump), "jump", exclusive=True)
        elif picked.path:
            screen.go_to(picked.path)
        elif picked.words:
            screen.search_all(picked.words)
        picked.hold.release()  # the keys belong to what was begun just now

    finding = Finding(browser.tree, screen.session.reads, browser.navigation)
    dialog = FindDialog(finding, is_jump=lambda typed: families.jump(typed) is not None)
    screen.app.push_screen(dialog, found)


async def _jump(screen: KeysScreen, jump: Jump) -> None:
    """Where a word in front of a name leads: a key, else the folder of that name, else a search."""
    if jump.search:
        screen.visit(VisitSearch(jump.below, jump.search))
        return
    path = jump.path or jump.below
    if not path.endswith(b"/"):
        try:
            known = await browse.value_of(screen.session.reads, path) is not None
        except EtcdError:
            known = True  # going there tells what is wrong
        path = path if known else await _folder(screen, path)
    screen.go_to(path)


async def _folder(screen: KeysScreen, path: bytes) -> bytes:
    """The folder of a key that does not exist, where there is one."""
    found, _ = await screen.browser.navigation.complete(path)
    return path + b"/" if any(one.path == path + b"/" for one in found) else path


def info(screen: KeysScreen, row: Row) -> None:
    """Everything known about a row, in words."""
    kv, value = screen.selected_key(), screen.browser.value
    lines = [
        Text.assemble("path     ", safe(row.path, limit=PATH_SHOWN)),
        safe(f"bytes    {row.path.hex(' ')[:600]}"),
        safe(f"listed   at revision {row.level.known_at(row.name)}"),
    ]
    if (named := screen.session.guard.families.recognise(row.path)) is not None:
        lines.append(safe(f"name     {named.words}"))
        lines += [safe(f"         {words}") for words in named.warnings[1:]]
    if row.is_folder:
        about = f"about {row.guess}, not counted yet" if row.guess else "not counted"
        lines.append(safe(f"keys     {row.count if row.count != UNKNOWN else about}"))
    if kv is not None:
        lines += [
            safe(f"size     {format_size(len(kv.value))} ({len(kv.value)} bytes)"),
            safe(f"version  {kv.version}, so it was written {kv.version} times since it was created"),
            safe(f"created  in revision {kv.create_revision}"),
            safe(f"changed  in revision {kv.mod_revision}"),
            safe(lease_words(kv.lease, value.ttl) or "no lease"),
            safe(value.decoded.how if value.decoded else ""),
        ]
    screen.app.push_screen(MessageDialog(Text("info"), Text("\n").join(lines)))


def copy(screen: KeysScreen, row: Row) -> None:
    """Ask what to copy of a row."""
    kv, value, pane = screen.selected_key(), screen.browser.value, screen.pane
    lines = "" if kv is None or value.hidden else "\n".join(pane.lines()[:COPY_LINES])
    namespace = screen.session.guard.policy.namespace
    folder = row.is_folder or row.is_note
    decoded = value.decoded if kv is not None else None
    hidden = value.hidden and kv is not None
    offer(screen, choices(kv, row.path, folder, decoded, lines, hidden, pane.view_name, namespace=namespace))


def page(screen: KeysScreen, row: Row) -> None:
    """The value of a row in ``$PAGER``."""
    _outward(screen, row, outward.page)


def save(screen: KeysScreen, row: Row) -> None:
    """The value of a row into a file."""
    _outward(screen, row, outward.save)


def _outward(screen: KeysScreen, row: Row, send: Callable[[Face, outward.Shown], Awaitable[None]]) -> None:
    kv, value, pane = screen.selected_key(), screen.browser.value, screen.pane
    if kv is None or row.is_folder:
        screen.flash("no key with a value is selected", "warn")
        return
    shown = outward.Shown(kv, value.decoded, pane.view_name, pane.lines, value.hidden)
    screen.start_write(partial(send, screen, shown))


def is_masked(screen: KeysScreen, path: Path, line: int) -> bool:
    """Whether the profile masks the field on a line of the view, or it may hold such a one."""
    hidden = {name.lower() for name in screen.session.profile.mask.fields}
    shown = screen.pane.viewer.lines()[line].rstrip()
    return shown.endswith(("{", "[")) or any(isinstance(step, str) and step.lower() in hidden for step in path)
