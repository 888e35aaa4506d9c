"""Work, tasks, timers and later calls begin at one door each: the source is read for any other start.

In ``ui`` that is ``ui/spawn.py``, below it ``core/tasks.py``. A start elsewhere has a fault that nobody sees.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import etcdtui

FOLDER = Path(etcdtui.__file__).parent
DOORS = ("ui/spawn.py", "core/tasks.py")
TASKS = frozenset({"create_task", "ensure_future", "run_coroutine_threadsafe"})
THREADS = frozenset({"Thread", "ThreadPoolExecutor", "call_from_thread"})
WORKERS = frozenset({"run_worker", "work"})
LATER = frozenset({"set_timer", "set_interval", "call_later", "call_after_refresh", "call_next", "subscribe"})
IN_A_GROUP = frozenset({"group", "tasks"})
"""Names of a ``TaskGroup``: it raises what its tasks raise."""
ON_PURPOSE = {
    "client/offline/opened_file.py": {"ThreadPoolExecutor"},  # whoever starts it asks for its outcome
    "services/session/session.py": {"Thread"},  # its outcome, whatever it is, is handed to who awaits it
    "services/tail/headless.py": {"Thread"},  # it writes to a pipe; a pipe that is closed ends the program
    "ui/hangup.py": {"Thread"},  # it polls one descriptor and sends one signal
    "ui/life.py": {"Thread"},  # it waits and ends the process
    "ui/faults.py": {"call_later"},  # it tells the faults themselves; what breaks there ends the program
}
"""Starts that are as they must be, with the reason."""
NOT_YET = {
    "ui/screens/keys": {"run_worker", "set_interval", "set_timer", "subscribe", "call_after_refresh"},
}
"""Starts that stand from before there was a door; this list only gets shorter."""


def _files() -> list[Path]:
    return [path for path in sorted(FOLDER.rglob("*.py")) if "pb" not in path.relative_to(FOLDER).parts]


def starts(source: str, *, textual: bool) -> Iterator[tuple[int, str]]:
    """Line and name of everything in ``source`` that starts work by itself; ``textual`` asks for Textual's ways too."""
    wanted = TASKS | THREADS | ((WORKERS | LATER) if textual else frozenset())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            if node.attr == "create_task" and isinstance(owner, ast.Name) and owner.id in IN_A_GROUP:
                continue
            if node.attr == "call_later" and ast.unparse(owner).endswith(("loop", "loop()")):
                continue  # the loop's own exception handler gets what breaks in it
            if node.attr in wanted:
                yield node.lineno, node.attr
        elif isinstance(node, ast.Name) and node.id in wanted - {"work"}:
            yield node.lineno, node.id
        elif isinstance(node, ast.ImportFrom) and node.module in ("textual", "asyncio", "threading"):
            yield from ((node.lineno, name.name) for name in node.names if name.name in wanted)


def _allowed(name: str, table: dict[str, set[str]]) -> set[str]:
    return {
        allowed for place, names in table.items() if name == place or name.startswith(f"{place}/") for allowed in names
    }


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(FOLDER)))
def test_nothing_starts_work_but_at_the_door(path: Path) -> None:
    name = path.relative_to(FOLDER).as_posix()
    if name in DOORS or name.startswith("demo/"):
        return
    allowed = _allowed(name, ON_PURPOSE) | _allowed(name, NOT_YET)
    found = [f"{name}:{line} {start}" for line, start in starts(path.read_text(), textual=name.startswith("ui/"))]
    assert [one for one in found if one.rpartition(" ")[2] not in allowed] == []


@pytest.mark.parametrize("place", ON_PURPOSE)
def test_the_exceptions_are_still_needed(place: str) -> None:
    found = {start for _, start in starts((FOLDER / place).read_text(), textual=place.startswith("ui/"))}
    assert ON_PURPOSE[place] <= found


@pytest.mark.parametrize(
    "line",
    [
        "self.run_worker(self._x())",
        "self.app.run_worker(x.aclose(), exit_on_error=False)",
        "asyncio.create_task(x())",
        "loop.create_task(x())",
        "asyncio.ensure_future(x())",
        "from textual import work",
        "screen.call_after_refresh(screen.show)",
        "begin = self.set_timer",
        "self.app.call_later(f)",
        "self.app_resume_signal.subscribe(self, f)",
        "threading.Thread(target=f).start()",
    ],
)
def test_each_other_start_is_found(line: str) -> None:
    assert list(starts(line, textual=True))


def test_a_group_of_tasks_is_no_start_of_its_own() -> None:
    assert not list(starts("async with asyncio.TaskGroup() as group:\n    group.create_task(x())", textual=True))
