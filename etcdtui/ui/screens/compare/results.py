"""What a ``get`` of the command line answered: a list in the order that was asked for, to act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical

from etcdtui.core.errors import EtcdError
from etcdtui.core.safe_text import safe_text
from etcdtui.core.search import TEXT, Field, Record
from etcdtui.core.types import KeyValue
from etcdtui.core.units import format_size
from etcdtui.services.reads.asked import asked
from etcdtui.services.session.session import Session
from etcdtui.services.values.valuediff import hiding, preview
from etcdtui.services.writing.etcdctl import get_command
from etcdtui.ui import limits
from etcdtui.ui.bindings import KEYS
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Host, VisitResults, Writing
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.frame.place import PlaceScreen
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.table import Column, LineTable

MOST = 1000
"""Keys shown when the command names no smaller limit."""


class ResultsScreen(PlaceScreen, ListScreen[KeyValue]):
    """Enter goes to the key; edit, delete and copy work from here."""

    screen_name: ClassVar[str] = KEYS
    number: ClassVar[int] = 1
    label: ClassVar[str] = "Get"
    about: ClassVar[str] = "What get answered, in the order that was asked for. Enter goes to the key in the tree."
    filter_fields: ClassVar[Mapping[str, Field]] = {
        "size": Field.SIZE, "ver": Field.NUMBER, "mod": Field.NUMBER, "create": Field.NUMBER, "lease": Field.FLAG,
    }  # fmt: skip

    def __init__(self, session: Session, host: Host, visit: VisitResults) -> None:
        super().__init__(session, host)
        self.wanted = wanted = visit.wanted
        self.automatic = not wanted.options.revision
        self.words = Text("asking the server ...")
        values = [] if wanted.options.keys_only else [
            Column("value", "VALUE", self._value, least=8, most=limits.LINE, grow=True, priority=1),
        ]  # fmt: skip
        self.table = LineTable(
            [
                Column("key", "KEY", lambda kv: safe(kv.key, limit=limits.LINE), lambda kv: kv.key, least=16,
                       most=limits.LINE, grow=wanted.options.keys_only),
                Column("size", "SIZE", lambda kv: Text(self._bytes(kv)), lambda kv: len(kv.value), priority=4,
                       align="right"),
                Column("ver", "VER", lambda kv: Text(str(kv.version)), lambda kv: kv.version, priority=3,
                       align="right"),
                Column("mod", "MOD", lambda kv: Text(str(kv.mod_revision)), lambda kv: kv.mod_revision, priority=2,
                       align="right"),
                *values,
            ],
            lambda kv: kv.key,
            empty=Text("no such key"),
        )  # fmt: skip

    def _bytes(self, kv: KeyValue) -> str:
        return "" if self.wanted.options.keys_only else format_size(len(kv.value))

    def _value(self, kv: KeyValue) -> Text:
        return safe(preview(kv.value, hiding(self.session.profile.mask, kv.key)), limit=limits.LINE)

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield self.table

    async def read(self) -> None:
        wanted = self.wanted
        try:
            found = await asked(self.session.reads, wanted, MOST)
        except (EtcdError, ValueError) as error:
            self.words = error_line(error)
            self.show_status()
            return
        self.table.set_rows(list(found.kvs))
        at = wanted.options.revision or (found.header.revision if found.header else 0)
        of = f" of {found.count}" if found.count >= 0 else ", the first of many," if found.more else ""
        self.words = Text(f"{len(found.kvs)}{of} keys at rev {at}")
        if wanted.options.count_only:
            self.words = Text(f"{found.count} keys at rev {at}, counted only")
        elif found.count > len(found.kvs) or found.more:
            self.words.append("   --limit shows more" if len(found.kvs) < MOST else f"   {MOST} are shown at most")
        self.show_status()

    def show_status(self) -> None:
        namespace = self.session.guard.policy.namespace
        command = get_command(self.wanted.key, self.wanted.end, self.wanted.options.revision, namespace=namespace)
        self.set_status(self.words, self.filter_text(), safe(command, limit=80))

    def record_of(self, row: KeyValue) -> Record:
        return {TEXT: row.key, "size": len(row.value), "ver": row.version, "mod": row.mod_revision,
                "create": row.create_revision, "lease": bool(row.lease)}  # fmt: skip

    # --- actions -----------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        if action_id in ("edit", "delete") and self.wanted.options.revision:
            return f"this is revision {self.wanted.options.revision}; enter goes to the key, H shows its versions"
        return super().why_not(action_id)

    def on_line_table_row_chosen(self, event: LineTable.RowChosen) -> None:
        event.stop()
        kv = self.table.current
        if kv is not None:
            self.chosen = kv.key
            self.dismiss()

    @property
    def _flows(self) -> Writing:
        return self.host.writing(self, lambda _: self.read_again())

    def action_edit(self) -> None:
        if (kv := self.table.current) is not None:
            self.start_write(partial(self._flows.edit, kv.key))

    def action_delete(self) -> None:
        keys = [kv.key for kv in self.table.selection]
        if len(keys) == 1:
            self.start_write(partial(self._flows.delete_key, keys[0]))
        elif keys:
            self.start_write(partial(self._flows.delete_marked, keys, frozenset()))

    def copies(self) -> Sequence[tuple[str, str, str]]:
        kv = self.table.current
        if kv is None:
            return ()
        namespace = self.session.guard.policy.namespace
        return [
            ("k", "key", safe_text(kv.key).text),
            ("c", "as etcdctl get", get_command(kv.key, revision=self.wanted.options.revision, namespace=namespace)),
        ]

    def close_view(self) -> bool:
        self.dismiss()
        return True
