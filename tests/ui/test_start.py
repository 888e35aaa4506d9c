"""The first frame is painted before anything is imported that it does not need."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from etcdtui.ui.frame.host import Visit
from etcdtui.ui.screens import ABOVE, MAIN
from tests.support.pty import PtyApp
from tests.support.server import Server

PROGRAM = """
import sys

modules, gated, gate = sys.argv[1:4]

class Watch:
    def find_spec(self, name, path=None, target=None):
        with open(modules, "a") as file:
            print(name, file=file)
        if name == gated:
            open(gate).close()

sys.meta_path.insert(0, Watch())
from etcdtui.cli import main
sys.exit(main(sys.argv[4:]))
"""
"""Notes every module before it is imported; before the one that is gated it waits until the gate is opened."""
HEAVY = """
    grpc google cryptography yaml json hmac hashlib getpass sqlite3 multiprocessing pygments markdown_it tree_sitter
    etcdtui.client etcdtui.pb etcdtui.demo.run etcdtui.ui.modals.dialog etcdtui.ui.dialogs etcdtui.ui.screens.watch
    etcdtui.ui.screens.keys.screen etcdtui.ui.screens.profiles.screen etcdtui.ui.widgets.lines etcdtui.ui.widgets.field
    etcdtui.config.loader etcdtui.config.yaml_parser etcdtui.config.describe etcdtui.config.keymap etcdtui.core.decoding
    textual.widgets._text_area textual.widgets._data_table textual.widgets._markdown textual.widgets._rich_log
"""
AFTER_THE_KEYS = """
    cryptography yaml dns sqlite3 multiprocessing pygments markdown_it tree_sitter tomllib xml etcdtui.demo.run
    etcdtui.ui.dialogs etcdtui.ui.flows.command etcdtui.ui.modals.dialog etcdtui.ui.flows.key
    etcdtui.ui.screens.keys.asking
    etcdtui.ui.frame.copying etcdtui.ui.screens.history.screen etcdtui.ui.screens.search
    etcdtui.ui.screens.census etcdtui.ui.screens.watch etcdtui.ui.screens.txn etcdtui.ui.screens.profiles.screen
    etcdtui.services.values.decoders etcdtui.services.reads.history etcdtui.services.reads.search
    etcdtui.services.reads.census etcdtui.services.writing.restore etcdtui.services.writing.transfer
    etcdtui.services.writing.moving etcdtui.services.writing.deleting etcdtui.services.writing.journal
    etcdtui.services.writing.undo etcdtui.services.writing.compare etcdtui.services.writing.editing
    etcdtui.services.values.valuediff etcdtui.services.session.discovery etcdtui.core.etcdctl_grammar
    etcdtui.core.txn_text etcdtui.core.decoding.registry etcdtui.core.diff etcdtui.core.merge
    etcdtui.client.descriptors textual.widgets._text_area
"""
MOST_OF_OURS = 86
"""Modules of our own on the way to the first frame; there are about 79, some of which only name others."""


class Started:
    """The program with one import held up, and what it had imported until a moment."""

    def __init__(self, tmp_path: Path, gated: str) -> None:
        self.modules, self.gate = tmp_path / "modules", tmp_path / "gate"
        os.mkfifo(self.gate)
        self.gated = gated
        self.homes = {name: str(tmp_path / name) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")}

    def run(self, endpoint: str) -> PtyApp:
        program = (sys.executable, "-c", PROGRAM, self.modules, self.gated, self.gate)
        return PtyApp.start([*program, "--endpoints", endpoint], env=self.homes)

    def imported(self) -> list[str]:
        return self.modules.read_text().split()

    def imported_of(self, unwanted: str) -> set[str]:
        names = self.imported()
        return {one for one in unwanted.split() for name in names if f"{name}.".startswith(f"{one}.")}


def test_the_first_frame_is_painted_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    started = Started(tmp_path, "etcdtui.services.session.session")
    with started.run("127.0.0.1:1") as app:
        app.wait_for("local", "connecting", "Connecting to", "127.0.0.1:1", "P profiles", "? help")
        assert not started.imported_of(HEAVY)
        assert len([name for name in started.imported() if name.startswith("etcdtui")]) <= MOST_OF_OURS
        with started.gate.open("w"):
            app.wait_for("trying again by itself")
    assert "grpc" in started.imported(), "what is imported later must be noted as well"


def test_the_first_keys_are_painted_before_what_is_done_with_them_is_imported(etcd: Server, tmp_path: Path) -> None:
    etcd.etcdctl("put", "/app/one", "1")
    started = Started(tmp_path, "etcdtui.ui.flows.many")
    with started.run(etcd.endpoint) as app:
        app.wait_for("/app/", "1 key")
        assert not started.imported_of(AFTER_THE_KEYS)
        with started.gate.open("w"):  # from here on the writing half is imported
            app.keys("f")
            app.wait_for("find a key by path")
    assert "etcdtui.ui.screens.keys.asking" in started.imported(), "what is imported later must be noted as well"


def test_what_is_told_of_a_screen_before_its_import_is_what_it_says() -> None:
    for number, entry in MAIN.items():
        kind = entry.load()
        assert (kind.number, kind.screen_name, kind.label) == (number, entry.screen_name, entry.label)
    assert {visit.__name__ for visit in Visit.__subclasses__()} == ABOVE.keys()
    assert all(entry.load().screen_name for entry in ABOVE.values())
