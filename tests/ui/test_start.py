"""The first frame is painted before anything is imported that it does not need."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from etcdtui.ui.screens.entries import ENTRIES
from tests.support.pty import PtyApp

PROGRAM = """
import sys

modules, gate = sys.argv[1:3]

class Watch:
    def find_spec(self, name, path=None, target=None):
        with open(modules, "a") as file:
            print(name, file=file)
        if name == "etcdtui.services.session":
            open(gate).close()

sys.meta_path.insert(0, Watch())
from etcdtui.cli import main
sys.exit(main(sys.argv[3:]))
"""
"""Notes every module before it is imported; at the first that connecting needs it waits until the gate is opened."""
HEAVY = """
    grpc google cryptography yaml json hmac hashlib getpass sqlite3 multiprocessing pygments markdown_it tree_sitter
    etcdtui.client etcdtui.pb etcdtui.demo etcdtui.ui.modals etcdtui.ui.dialogs etcdtui.ui.screens.watch
    etcdtui.ui.screens.keys etcdtui.ui.screens.profiles etcdtui.ui.widgets.lines etcdtui.ui.widgets.field
    etcdtui.config.loader etcdtui.config.yaml_parser etcdtui.config.describe etcdtui.config.keymap etcdtui.core.decoding
    textual.widgets._text_area textual.widgets._data_table textual.widgets._markdown textual.widgets._rich_log
"""
MOST_OF_OURS = 60
"""Modules of our own on the way to the first frame; there are about 45."""


def test_the_first_frame_is_painted_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    modules, gate = tmp_path / "modules", tmp_path / "gate"
    os.mkfifo(gate)
    homes = {name: str(tmp_path / name) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}
    argv: list[str | Path] = [sys.executable, "-c", PROGRAM, modules, gate, "--endpoints", "127.0.0.1:1"]
    with PtyApp.start(argv, env=homes) as app:
        app.wait_for("local", "connecting", "WRITES ON", "Connecting to", "127.0.0.1:1", "P profiles", "? help")
        early = modules.read_text().split()
        loaded = {heavy for heavy in HEAVY.split() for name in early if f"{name}.".startswith(f"{heavy}.")}
        assert not loaded
        assert len([name for name in early if name.startswith("etcdtui")]) <= MOST_OF_OURS
        with gate.open("w"):
            app.wait_for("trying again by itself")
    assert "grpc" in modules.read_text().split(), "what is imported later must be noted as well"


def test_what_is_told_of_a_screen_before_its_import_is_what_it_says() -> None:
    for number, entry in ENTRIES.items():
        kind = entry.load()
        assert (kind.number, kind.screen_name, kind.label) == (number, entry.screen_name, entry.label)
