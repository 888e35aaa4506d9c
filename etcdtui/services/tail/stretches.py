"""How a watch is split over history, without any I/O: which watchers it needs, from what their batches tell.

A server sends a watcher that is behind at most 1,000 revisions a round, ten rounds a second, however fast both sides
are; and a watcher that is not behind costs a message for each revision. Both limits are per watcher. So one watch is
kept by several watchers of the same keys that begin at different revisions: each one's ``Stretch`` reaches up to where
the next begins. Stretches follow each other, so the order needs no merging, and what is complete is known: everything
up to the end of the first stretch that is not finished. Where one watcher keeps up there is one.

Two things follow from the same rule:

* behind (a replay, or a burst), stretches are laid over all that is known to be there, a round's worth each;
* under a hot load (``HOT`` revisions a second) the last stretch is ended whenever it has caught up and a new one begins
  one revision back: the server takes it for one that is behind and sends its next round in one message. The tail is
  then a tenth of a second behind at most, at a fifth of the cost.

In both cases the server is not asked what the keys held before, which costs it a search for each event.

A single hot key, an append-only prefix and a sorted history are split as well as anything else.
"""

from __future__ import annotations

from etcdtui.core.value import record

ROUND_REVISIONS = 999
"""Most new revisions that a watcher which is behind gets in a round: etcd's watchBatchMaxRevs is 1,000, and one of them
is known, because watchers begin one revision back."""
ROUND = 0.1
"""Seconds from one such round to the next (etcd's watchResyncPeriod)."""
MOST = 64
"""Watchers of one watch at a time."""
HELD_BYTES = 32 * 1024 * 1024
"""Bytes that may come in one round, as far as the last one tells how large events are."""
HOT = 2000.0
COOL = 800.0
"""Revisions a second from which on rounds are asked for, and below which no longer."""
RATE_OVER = 0.25
"""Seconds over which that rate is measured."""
LEAST_AGE = 0.04
"""Seconds a watcher lives at least under a hot load: what it was created for must have come."""
TOP_UP = 0.75 * ROUND
"""Seconds after a watcher was exchanged for another when it is looked whether its round will be too small."""


@record(frozen=False, eq=False)
class Stretch:
    """One watcher's share: revisions from ``start`` on; ``done`` is the last one up to which it is complete.

    A ``bare`` one gets events without what the keys held before.
    """

    start: int
    done: int
    opened_at: float
    bare: bool = False
    finished: bool = False


@record()
class Change:
    """What to do after a batch: watchers to begin and to end. Of the batch, revisions above ``until`` are another's."""

    begin: tuple[Stretch, ...] = ()
    end: tuple[Stretch, ...] = ()
    until: int = 0


NOTHING = Change()


class Stretches:
    """The stretches of one watch, in order; the last has no end. Times are of any steady clock."""

    def __init__(self, start: int, now: float) -> None:
        self.line = [Stretch(start, start - 1, now, bare=start > 0)]
        self.head = 0
        self.hot = False
        self._head_at = now
        self._head_rate = 0.0
        self._width = ROUND_REVISIONS
        self._most = MOST
        self._passed = 0
        self._since = now
        self._head_then = 0

    @property
    def complete(self) -> int:
        """Everything up to this revision was handed over."""
        return self.line[0].done

    def took(self, stretch: Stretch, first: int, last: int, count: int, head: int, size: int, now: float) -> Change:
        """A batch of ``count`` revisions from ``first`` to ``last`` came, ``size`` bytes, sent at revision ``head``."""
        self.saw_head(max(head, last), now)
        stretch.done = max(stretch.done, last)
        following = self._after(stretch)
        behind = count >= ROUND_REVISIONS and self.head > last
        if behind:
            self._width = max(ROUND_REVISIONS, (last - first + 1) * ROUND_REVISIONS // count)
            self._most = max(1, min(MOST, HELD_BYTES // max(1, size)))
        if following is not None:
            ended = self._ends(stretch, following)
            begun = self._extend(self.head, now) if behind else ()
            return Change(begun, (stretch,) if ended else (), following.start - 1)
        if behind:
            return Change(begin=self._extend(self.head, now))
        if (self.hot or stretch.bare) and now - stretch.opened_at >= LEAST_AGE:
            stretch.finished = True
            fresh = Stretch(last + 1, last, now, bare=self.hot)
            self.line.append(fresh)
            return Change(begin=(fresh,), end=(stretch,))
        return NOTHING

    def progressed(self, stretch: Stretch, revision: int, now: float) -> Change:
        """The server says that ``stretch`` got everything up to ``revision``."""
        self.saw_head(revision, now)
        if stretch.finished:
            return NOTHING
        stretch.done = max(stretch.done, revision)
        following = self._after(stretch)
        if following is not None and self._ends(stretch, following):
            return Change(end=(stretch,))
        return NOTHING

    def compacted(self, stretch: Stretch, compact_revision: int) -> tuple[int, int, bool]:
        """What ``stretch`` has lost as first and last revision, and whether it is over by that."""
        first = stretch.done + 1
        following = self._after(stretch)
        last = compact_revision - 1
        if following is not None:
            last = min(last, following.start - 1)
        stretch.done = max(stretch.done, last)
        return first, last, following is not None and self._ends(stretch, following)

    def top_up(self, now: float) -> Change:
        """Before the server's next round: begin what one watcher will not get in it."""
        if not self.hot:
            return NOTHING
        return Change(begin=self._extend(int(self.head + self._head_rate * (now - self._head_at)), now))

    def passed(self, revisions: int, now: float) -> None:
        """So many revisions were handed over: whether the load is hot is decided by them."""
        self._passed += revisions
        over = now - self._since
        if over < RATE_OVER:
            return
        rate = self._passed / over
        self.hot = rate >= (COOL if self.hot else HOT)
        self._head_rate = (self.head - self._head_then) / over if self._head_then else 0.0
        self._passed, self._since, self._head_then = 0, now, self.head

    def saw_head(self, revision: int, now: float) -> None:
        """The store was seen at ``revision``."""
        if revision >= self.head:
            self.head, self._head_at = revision, now

    def advance(self) -> Stretch | None:
        """Take the first stretch out if it is finished; ``None`` when it is not."""
        return self.line.pop(0) if self.line[0].finished else None

    def _after(self, stretch: Stretch) -> Stretch | None:
        at = self.line.index(stretch) + 1
        return self.line[at] if at < len(self.line) else None

    @staticmethod
    def _ends(stretch: Stretch, following: Stretch) -> bool:
        if stretch.done < following.start - 1:
            return False
        stretch.done = following.start - 1
        stretch.finished = True
        return True

    def _extend(self, head: int, now: float) -> tuple[Stretch, ...]:
        """New stretches up to ``head``, the first of them a round's worth behind where the last one is now."""
        last = self.line[-1]
        start = max(last.start, last.done + 1) + self._width
        begun: list[Stretch] = []
        room = min(self._most - sum(not s.finished for s in self.line), 2 * self._most - len(self.line))
        while len(begun) < room and start <= head:
            fresh = Stretch(start, start - 1, now, bare=True)
            self.line.append(fresh)
            begun.append(fresh)
            start += self._width
        return tuple(begun)
