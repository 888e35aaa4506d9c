"""How the Keys screen reads, decodes and shows the value of the key under the cursor, and its lease's time left."""

from __future__ import annotations

import re
from functools import cached_property, partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.timer import Timer

from etcdtui.core.errors import EtcdError, LeaseNotFound
from etcdtui.core.keytree import Row
from etcdtui.core.types import KeyValue
from etcdtui.services import values
from etcdtui.services.reads import browse
from etcdtui.ui.errors import error_line
from etcdtui.ui.screens.keys.levels import LevelsMixin
from etcdtui.ui.screens.keys.pane import ValuePane
from etcdtui.ui.text import safe

if TYPE_CHECKING:  # only named here
    from etcdtui.services.values.decoders import ValueDecoders

VALUE_PAUSE = 0.06
NOTE_PARTS = re.compile(r"(?<=[.,;]) | · ")
"""Where a sentence in place of rows is broken for the pane."""
NOTE_LINES = 4
VALUE_PATIENCE = 0.4
"""Seconds after which the pane says that it waits."""


class ValueMixin(LevelsMixin):
    """The value pane's half of the screen."""

    pane: ValuePane
    _value_timer: Timer | None = None
    _value_generation: int = 0
    _value_failed: bool = False
    _shown_key: bytes | None = None

    def is_masked(self, key: bytes) -> bool:
        """Whether the profile masks the key's value."""
        return False

    @cached_property
    def _decoders(self) -> ValueDecoders:
        """Imported with the first value: no key waits for it."""
        profile = self.session.profile
        made: ValueDecoders = values.decoders.ValueDecoders(profile.decoders, profile.mask.fields)
        return made

    def want_value(self) -> None:
        if self._value_timer is not None:
            self._value_timer.stop()
        self._value_timer = self.set_timer(VALUE_PAUSE, self._read_value)

    def _read_value(self, *, keep_view: bool = False, again: bool = False) -> None:
        row = self.view.current
        self._value_generation += 1
        if row is None or row.is_note:
            note = row.level.note if row is not None else ""
            pieces = [safe(piece, limit=400) for piece in NOTE_PARTS.split(note, NOTE_LINES)]
            self.pane.show_words(safe(row.path if row is not None else b""), *pieces)
            self._shown_key = None
        elif row.is_folder:
            self.pane.show_folder(row, self._folder_note(row))
            self._shown_key = None
        elif keep_view or again or row.path != self._shown_key:
            self.run_worker(
                self._show_value(row, self._value_generation, keep_view=keep_view),
                group="value",
                exclusive=True,
                exit_on_error=False,
            )

    @staticmethod
    def _folder_note(row: Row) -> str:
        also = row.name and row.level.find(row.name.rstrip(b"/")) >= 0 and row.name.endswith(b"/")
        return "there is also a key of this name, shown as a row of its own" if also else ""

    async def _show_value(self, row: Row, generation: int, *, keep_view: bool) -> None:
        key = row.path
        self._value_failed = False
        waiting: Timer | None = None
        if key != self._shown_key:
            self.pane.revealed = self.pane.forced = False
            self.pane.ttl = None
            waiting = self.set_timer(VALUE_PATIENCE, partial(self._say_waiting, key))
        try:
            kv = await browse.value_of(self.reads, key, revision=self.at_revision)
        except EtcdError as error:
            if generation == self._value_generation:
                self._value_failed = True
                self.pane.show_words(safe(key, limit=400), error_line(error), safe("r to retry"))
            return
        finally:
            if waiting is not None:
                waiting.stop()
        if generation != self._value_generation:
            return
        if kv is None:
            self.pane.show_words(safe(key, limit=400), safe("this key was deleted; H shows what it was"))
            return
        await self._show_decoded(kv, generation, keep_view=keep_view)
        if kv.lease:
            await self._read_ttl(kv.lease, generation)

    def _say_waiting(self, key: bytes) -> None:
        """The old value must not stand for long beside the name of another key."""
        self._shown_key = None
        self.pane.show_words(safe(key, limit=400), safe("waiting for the server…", self.view.tone("dim")))

    async def _show_decoded(self, kv: KeyValue, generation: int, *, keep_view: bool) -> None:
        reveal = self.pane.revealed
        decoded = await self._decoders.decode(kv.key, kv.value, reveal=reveal, force=self.pane.forced)
        if generation != self._value_generation:
            return
        self._shown_key = kv.key
        self.pane.as_of = f"as of revision {self.at_revision}" if self.at_revision else ""
        self.view.add_details({kv.key: browse.detail_of(kv)})
        self.pane.show_value(kv, decoded, hidden=self.is_masked(kv.key) and not reveal, keep_view=keep_view)
        self.actions_changed()

    async def _read_ttl(self, lease: int, generation: int) -> None:
        try:
            ttl = await self.session.client.lease.time_to_live(lease)
        except (EtcdError, LeaseNotFound):
            return
        if generation == self._value_generation and self.pane.kv is not None and self.pane.kv.lease == lease:
            self.pane.ttl = ttl
            self.pane.show_facts()

    def refresh_ttl(self) -> None:
        kv = self.pane.kv
        if kv is not None and kv.lease and self.is_current and not self.at_revision:
            self.run_worker(
                self._read_ttl(kv.lease, self._value_generation), group="ttl", exclusive=True, exit_on_error=False
            )

    def key_changed(self, key: bytes) -> None:
        if key == self._shown_key:
            self._read_value(keep_view=True)

    def action_next_view(self) -> None:
        """The next view; of a value too large to be parsed unasked, that is the parsed one."""
        if self.pane.can_be_forced:
            self.pane.forced = True
            self._read_value(keep_view=False, again=True)
        else:
            self.pane.next_view()

    def hide_secrets(self, _: object) -> None:
        """Nothing revealed stays on a screen that nobody looks at."""
        if self.pane.revealed:
            self.pane.revealed = False
            self.pane.show_words(Text())
            self._read_value(again=True)

    def action_reveal(self) -> None:
        if self.pane.kv is not None:
            self.pane.revealed = not self.pane.revealed
            self._read_value(keep_view=True)
