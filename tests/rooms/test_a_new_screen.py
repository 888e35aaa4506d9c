"""A new screen is one folder and one line: the example of CONTRIBUTING.md is built and shown."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from etcdtui.ui import screens
from etcdtui.ui.screens import MAIN, Entry
from tests.support import Server, eventually
from tests.ui.test_shell import profile, running

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## A new screen")[2]


async def test_the_example_of_a_new_screen_is_all_it_takes(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, line = re.findall(r"```python\n(.*?)```", TEXT, re.S)[:2]
    folder = tmp_path / "screens" / "age"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "screen.py").write_text(source)
    monkeypatch.setattr(screens, "__path__", [*screens.__path__, str(tmp_path / "screens")])
    added: dict[int, Entry] = eval("{" + line + "}", {"Entry": Entry})
    (entry,) = added.values()
    monkeypatch.setattr("etcdtui.ui.app.MAIN", dict(sorted({**MAIN, **added}.items())))
    monkeypatch.setitem(screens._HOMES, entry.kind, entry.home)
    try:
        async with running(profile("here", "dev", etcd.endpoint), tmp_path=tmp_path) as (app, pilot):
            await pilot.press("9")
            await eventually(lambda: app.shown is not None and app.shown.screen_name == "age")
            screen = app.screen
            assert app.session is not None
            told = getattr(screen, "told")  # noqa: B009 - the class is that of the example
            await eventually(lambda: str(told.render()).startswith("revision "))
            assert "Age" in [tab.label for tab in app.shown.tab_line.tabs] if app.shown else False
    finally:
        for name in [name for name in sys.modules if name.startswith("etcdtui.ui.screens.age")]:
            del sys.modules[name]
