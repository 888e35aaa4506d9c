"""The writing half of the Keys screen: its actions, each one worker on a flow."""

from __future__ import annotations

import asyncio
from functools import partial

from etcdtui.core.types import KeyValue
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Writing
from etcdtui.ui.spawn import spawn
from etcdtui.ui.widgets.keytree import KeyTreeView


class KeysWriteMixin(ClusterScreen):
    """Needs ``view``, ``selected_prefix()``, ``marked()`` and ``reload(prefix)`` of the screen."""

    view: KeyTreeView
    separators: tuple[bytes, ...]

    def selected_prefix(self) -> bytes | None:
        """The folder under the cursor, or the one that holds the key under it."""
        return None

    def marked(self) -> list[bytes]:
        """Marked keys and prefixes."""
        return []

    def reload(self, prefix: bytes) -> None:
        """Show what is below ``prefix`` as it is now."""

    @property
    def writing(self) -> Writing:
        """The flows, imported when they are first wanted: no key waits for them."""
        return self.host.writing(self, self.reload)

    def absent_key(self) -> bytes:
        """A key that was just looked for in vain."""
        return b""

    def _current(self) -> tuple[bytes, bool] | None:
        """Path under the cursor and whether it is a folder; a flash when there is none."""
        row = self.view.current
        if row is None or row.is_note:
            self.flash("no key is selected", "warn")
            return None
        return row.path, row.is_folder

    def action_edit(self) -> None:
        if (current := self._current()) is not None:
            if current[1]:
                self.flash("this is a folder; n makes a key in it", "warn")
            else:
                self.start_write(partial(self.writing.edit, current[0]))

    def action_edit_external(self) -> None:
        if (current := self._current()) is not None:
            if current[1]:
                self.flash("this is a folder; n makes a key in it", "warn")
            else:
                self.start_write(partial(self.writing.edit, current[0], external=True))

    def action_new(self) -> None:
        self.start_write(partial(self.writing.new, self.absent_key() or self.selected_prefix() or b""))

    def action_delete(self) -> None:
        marked = self.marked()
        if marked:
            folders = frozenset(m for m in marked if m.endswith(self.separators))
            self.start_write(partial(self.writing.delete_marked, marked, folders))
        elif (current := self._current()) is not None:
            path, folder = current
            self.start_write(partial(self.writing.delete_prefix if folder else self.writing.delete_key, path))

    def action_clone(self) -> None:
        if (current := self._current()) is not None:
            self.start_write(partial(self.writing.move, current[0], folder=current[1], keep=True))

    def action_move(self) -> None:
        if (current := self._current()) is not None:
            self.start_write(partial(self.writing.move, current[0], folder=current[1], keep=False))

    def action_undo(self) -> None:
        self.start_write(partial(self.writing.undo, None))

    def action_save(self) -> None:
        self.start_write(partial(self.writing.export, self.selected_prefix() or b""))

    def look_after_writes(self) -> None:
        """Once after a start, when the first keys are painted."""
        spawn(self, self._look_after, "look-after")

    async def _look_after(self) -> None:
        writing = await asyncio.to_thread(lambda: self.writing)  # the keys stay responsive while it is imported
        if await writing.look_after():
            self.start_write(writing.recover)

    def restore_version(self, version: KeyValue) -> None:
        """History's ``u``: put that version back."""
        self.start_write(partial(self.writing.restore, version))

    def undelete(self, prefix: bytes, revision: int = 0) -> None:
        """Bring back what others deleted under a prefix, after a revision when one is given."""
        self.start_write(partial(self.writing.undelete, prefix, revision))
