"""How each screen and dialog of the program is opened: for the test that none stays behind, and for the long run of it.

``OPENINGS`` has every class of screen that is opened and closed; main screens come and go with their session.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from rich.text import Text
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen

import etcdtui.ui
from etcdtui.client import Client
from etcdtui.config.clusters import KnownCluster
from etcdtui.core.etcdctl_grammar import Get
from etcdtui.core.types import KeyValue
from etcdtui.services.cluster.runbooks.spec import Kind
from etcdtui.services.session.checkup import Step
from etcdtui.services.session.session import Stranger
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.frame.host import (
    Side,
    Visit,
    VisitCensus,
    VisitCompare,
    VisitHistory,
    VisitPlan,
    VisitResults,
    VisitSearch,
)
from etcdtui.ui.modals.ask import AskDialog
from etcdtui.ui.modals.checkup import CheckupDialog
from etcdtui.ui.modals.command import TextDialog
from etcdtui.ui.modals.conflict import ConflictDialog
from etcdtui.ui.modals.form import FormDialog, Line
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.modals.prompt import PasswordDialog
from etcdtui.ui.modals.stranger import StrangerDialog
from etcdtui.ui.modals.unlock import UnlockDialog
from etcdtui.ui.screens import MAIN
from etcdtui.ui.screens.keys.screen import KeysScreen
from tests.support import eventually

KEY = "/app/0/k000"
Opening = Callable[[EtcdtuiApp, Pilot[int]], Any]
FOR_THE_SESSION = frozenset({"ConnectScreen", "ReadingScreen"})
"""Shown until the first session stands; each start of the program has one."""


def keys(*pressed: str) -> Opening:
    """Opened by keys on the screen Keys, the cursor on ``KEY``."""

    async def press(app: EtcdtuiApp, pilot: Pilot[int]) -> None:
        await pilot.press(*pressed)

    return press


def visit(wanted: Callable[[EtcdtuiApp], Visit]) -> Opening:
    """Opened above the screen on show."""

    def go(app: EtcdtuiApp, _: Pilot[int]) -> None:
        screen = app.shown
        assert screen is not None
        screen.host.visit(screen, wanted(app))

    return go


def push(made: Callable[[], ModalScreen[Any]]) -> Opening:
    """A dialog that only a longer story opens, as that story opens it."""

    def go(app: EtcdtuiApp, _: Pilot[int]) -> None:
        app.push_screen(made())

    return go


async def nothing() -> AsyncIterator[Step]:
    """A connection of which nothing is to be told."""
    none: tuple[Step, ...] = ()
    for step in none:
        yield step


def _version(value: bytes, revision: int) -> KeyValue:
    return KeyValue(b"k", value, 2, revision, revision - 1, 0)


def _side(app: EtcdtuiApp, prefix: bytes) -> Side:
    assert app.session is not None
    return Side(app.session, prefix)


OPENINGS: dict[str, Opening] = {
    "HelpDialog": keys("question_mark"),
    "MenuDialog": keys("o"),
    "PickerDialog": keys("ctrl+p"),
    "CommandDialog": keys("colon"),
    "ProfilesScreen": keys("P"),
    "FindDialog": keys("f"),
    "EditDialog": keys("e"),
    "ReviewDialog": keys("d"),
    "PromptDialog": keys("n"),
    "UnlockDialog": push(lambda: UnlockDialog("prod", 60)),
    "MessageDialog": push(lambda: MessageDialog(Text("said"), Text("once"))),
    "PasswordDialog": push(lambda: PasswordDialog(Text("password"))),
    "LoginDialog": keys("L"),
    "StrangerDialog": push(lambda: StrangerDialog("p", Stranger(KnownCluster(1), 2, (), ()))),
    "CheckupDialog": push(lambda: CheckupDialog("p", nothing)),
    "FormDialog": push(lambda: FormDialog(Text("who"), [Line("name", "name")])),
    "TextDialog": push(lambda: TextDialog(Text("transaction"), "put a b")),
    "AskDialog": push(lambda: AskDialog(Text("which"), (), [("r", "resume")])),
    "ConflictDialog": push(lambda: ConflictDialog(_version(b"a", 2), _version(b"b", 3), b"c", None)),
    "HistoryScreen": visit(lambda _: VisitHistory(KEY.encode())),
    "CensusScreen": visit(lambda _: VisitCensus(b"/app/")),
    "SearchScreen": visit(lambda _: VisitSearch(b"/app/", "k01")),
    "PlanScreen": visit(lambda _: VisitPlan(kind=Kind.HASHES)),
    "ResultsScreen": visit(lambda _: VisitResults(Get(b"/app/0/", b"/app/1"))),
    "CompareScreen": visit(lambda app: VisitCompare(_side(app, b"/app/0/"), _side(app, b"/app/1/"))),
}


async def fill(client: Client) -> None:
    """What the openings find: some folders, and a key with versions."""
    for number in range(60):
        await client.kv.put(f"/app/{number % 3}/k{number // 3:03}", f"value {number}\n" * 20)
    for number in range(10):
        await client.kv.put(KEY, f"version {number}")


async def to_the_key(app: EtcdtuiApp, pilot: Pilot[int]) -> None:
    """The cursor of Keys goes where the openings need it."""
    await pilot.press("f", *KEY, "enter")

    def is_there() -> bool:
        found = app.shown.selected_key() if isinstance(app.shown, KeysScreen) else None
        return found is not None and found.key == KEY.encode()

    await eventually(is_there, 10)


async def open_and_close(app: EtcdtuiApp, pilot: Pilot[int], name: str) -> Screen[Any]:
    """Open what ``OPENINGS`` names until it is drawn, and close it until Keys is on show again; what it was."""
    opening = OPENINGS[name](app, pilot)
    if opening is not None:
        await opening
    await eventually(lambda: type(app.screen).__name__ == name, 10, what=name)
    opened = app.screen
    await pilot.pause()
    while len(app.screen_stack) > 1:
        top = app.screen
        await pilot.press("escape")
        await eventually(lambda top=top: app.screen is not top or not _is_busy(top), 10, what=f"{name} closes")
    return opened


def _is_busy(screen: Screen[Any]) -> bool:
    """Esc ends what a screen is doing before it closes it."""
    return not any(worker.node in screen.walk_children(with_self=True) for worker in screen.workers)


def screen_classes() -> Iterator[type[Screen[Any]]]:
    """Every class of screen that the program can show; one that others derive from only where it is opened itself."""
    for module in pkgutil.walk_packages(etcdtui.ui.__path__, "etcdtui.ui."):
        importlib.import_module(module.name)
    todo: list[type[Screen[Any]]] = [Screen]
    while todo:
        kind = todo.pop()
        todo.extend(kind.__subclasses__())
        is_base = bool(kind.__subclasses__()) and kind.__name__ not in OPENINGS
        if kind.__module__.startswith("etcdtui.") and not is_base:
            yield kind


MAIN_SCREENS = frozenset(entry.kind for entry in MAIN.values())
