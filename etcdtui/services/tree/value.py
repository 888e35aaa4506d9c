"""The value under the cursor: read, decoded, kept in step with the cluster; and what is left of its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from etcdtui.core.decoding.result import Decoded
from etcdtui.core.errors import EtcdError
from etcdtui.core.keytree import KeyTree
from etcdtui.core.tasks import awaited
from etcdtui.core.types import KeyValue, LeaseTimeToLive
from etcdtui.services.reads import browse
from etcdtui.services.reads.reading import Reads
from etcdtui.services.tree import news
from etcdtui.services.tree.details import Details
from etcdtui.services.tree.news import Start, Tell, Work

if TYPE_CHECKING:  # imported with the first value: no key waits for it
    from etcdtui.services.values.decoders import ValueDecoders

PATIENCE = 0.4
"""Seconds after which it is told that a value is waited for: the one before must not stand beside another name."""


class CursorValue:
    """What is known of the key under the cursor. ``key`` is empty where there is none.

    One of these holds for a key: ``waiting`` for the server, ``error`` of the read, ``gone``, or ``kv`` with what it
    was ``decoded`` to. ``masked`` says of a key whether the profile hides its value; ``hidden`` whether this one is
    hidden now. ``forced`` is a value that was parsed although it is large.
    """

    def __init__(
        self,
        tree: KeyTree,
        reads: Reads,
        details: Details,
        tell: Tell,
        start: Start,
        *,
        decoders: Callable[[], ValueDecoders],
        masked: Callable[[bytes], bool],
        patience: float = PATIENCE,
    ) -> None:
        self._tree = tree
        self._reads = reads
        self._details = details
        self._tell = tell
        self._start = start
        self._make_decoders = decoders
        self._decoders: ValueDecoders | None = None
        self._masked = masked
        self._patience = patience
        self._work: Work | None = None
        self._settled = asyncio.Event()
        self._reads_begun = 0
        self.key: bytes | None = None
        self.revealed = self.forced = False
        self._nothing()

    def _nothing(self) -> None:
        self.kv: KeyValue | None = None
        self.decoded: Decoded | None = None
        self.ttl: LeaseTimeToLive | None = None
        self.error: EtcdError | None = None
        self.revision = 0
        """The one it was read at when that was asked for."""
        self.gone = self.waiting = self.hidden = False

    @property
    def is_read(self) -> bool:
        """Whether ``kv`` is the key under the cursor: for a moment it is still the one before."""
        return self.kv is not None and self.kv.key == self.key

    async def settled(self) -> None:
        """Wait until what is known of the key is what was read, or why it was not."""
        await self._settled.wait()

    # --- what is looked at -------------------------------------------------------------------------------

    def look_at(self, key: bytes | None) -> None:
        """The cursor is on a key, or (``None``) on something without a value. Nothing is read again for that."""
        if key is None:
            if self._work is not None:
                self._work.cancel()
            self.key = None
            self._nothing()
            self._settled.set()
        elif key != self.key or self.error is not None:
            self.key = key
            self.revealed = self.forced = False
            self._read()

    def read_again(self, *, keep: bool = True) -> None:
        """The key may have another value by now; ``keep`` stays in the chosen view and place."""
        if self.key is not None:
            self._read(keep=keep)

    def changed(self, key: bytes) -> None:
        """Somebody changed a key."""
        if key == self.key:
            self._read(keep=True)

    def reveal(self) -> None:
        """Show what is masked, or no longer."""
        if self.key is not None:
            self.revealed = not self.revealed
            self._read(keep=True)

    def hide(self) -> None:
        """Nothing revealed stays where nobody looks; it is gone at once."""
        if self.revealed:
            self.revealed = False
            self._nothing()
            self._tell(news.ValueRead())
            self.read_again(keep=False)

    def force(self) -> bool:
        """Parse a value that was too large to be parsed unasked; False when it is not one."""
        if self.decoded is None or not self.decoded.unparsed or self.hidden or not self.is_read:
            return False
        self.forced = True
        self._read()
        return True

    # --- reading -----------------------------------------------------------------------------------------

    def _read(self, *, keep: bool = False) -> None:
        if self.key is not None:
            self._settled.clear()
            self._reads_begun += 1
            self._work = self._start("value", partial(self._read_and_tell, self.key, self._reads_begun, keep=keep))

    async def _read_and_tell(self, key: bytes, number: int, *, keep: bool) -> None:
        try:
            await self._show(key, keep=keep)
        finally:
            if number == self._reads_begun:
                self._settled.set()
        await self.read_lease()

    async def _show(self, key: bytes, *, keep: bool) -> None:
        try:
            kv = await self._value(key)
            decoded = None if kv is None else await self._decode(kv)
        except EtcdError as error:
            self._nothing()
            self.error = error
            self._tell(news.ValueRead())
            return
        ttl = (
            self.ttl if kv is not None and self.kv is not None and self.kv.lease == kv.lease and self.is_read else None
        )
        self._nothing()
        self.kv, self.decoded, self.ttl = kv, decoded, ttl
        self.gone = kv is None
        self.revision = self._tree.revision
        if kv is not None:
            self.hidden = self._masked(key) and not self.revealed
            self._details.add({key: browse.detail_of(kv)})
        self._tell(news.ValueRead(keep))

    async def _value(self, key: bytes) -> KeyValue | None:
        """Told that it is waited for when that takes long and another key's value is still shown."""
        reading = awaited(browse.value_of(self._reads, key, revision=self._tree.revision), "value")
        try:
            if not self.is_read and not (await asyncio.wait({reading}, timeout=self._patience))[0]:
                self._nothing()
                self.waiting = True
                self._tell(news.ValueRead())
            return await reading
        finally:
            reading.cancel()

    async def _decode(self, kv: KeyValue) -> Decoded:
        if self._decoders is None:
            self._decoders = self._make_decoders()
        return await self._decoders.decode(kv.key, kv.value, reveal=self.revealed, force=self.forced)

    async def read_lease(self) -> None:
        """How long the lease of the key has left; what cannot be read is not told."""
        kv = self.kv
        if kv is None or not kv.lease or self._tree.revision:
            return
        try:
            ttl = await self._reads.client.lease.time_to_live(kv.lease)
        except EtcdError:
            return
        if self.kv is kv:
            self.ttl = ttl
            self._tell(news.LeaseRead())
