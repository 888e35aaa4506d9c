"""Keys that arrive in one stream, in order, handed to the pieces of a survey that they lie in."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from etcdtui.core import ranges
from etcdtui.core.listing import Delta, Span, Survey, child_of

USELESS = 20_000
"""Keys that may pass by without a new row before the stream is not worth while."""


class Flow:
    """Takes all ``pending`` spans of the survey; ``give_back`` returns what is left of them.

    ``too_deep`` is set when a single folder holds more than ``USELESS`` keys, ``astray`` when as many lie where nothing
    is looked for: whoever reads should stop then.
    """

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._spans = deque(survey.pending)
        survey.pending.clear()
        self._carry: list[bytes] = []
        self._passed = 0
        self.too_deep = False
        self.astray = False
        self.start = self._spans[0].start
        self.end = self._spans[-1].end

    @property
    def hole(self) -> bytes | None:
        """Where the first part not seen yet begins; ``None`` when all was."""
        return self._spans[0].start if self._spans else None

    def feed(self, keys: Sequence[bytes]) -> list[Delta]:
        """Digest the next keys. Those of the last folder are held back until all of it has passed."""
        if not keys:
            return []
        come = [*self._carry, *keys]
        prefix = self._survey.prefix
        name, folder = child_of(come[-1][len(prefix) :], self._survey.separators)
        upto = prefix + name if folder else ranges.next_key(come[-1])
        at = bisect_left(come, upto) if folder else len(come)
        self._carry = come[at:]
        self.too_deep = len(self._carry) > USELESS
        del come[at:]
        return self._hand(come, upto)

    def finish(self) -> list[Delta]:
        """The stream ended: nothing else is there."""
        come, self._carry = self._carry, []
        return self._hand(come, self.end)

    def give_back(self) -> None:
        """What was not seen is to be asked for in another way."""
        self._survey.give_back(self._spans)
        self._spans.clear()
        self._carry = []

    def _hand(self, keys: list[bytes], upto: bytes) -> list[Delta]:
        """All keys before ``upto`` are here: answer the spans before it, and the part before it of the one it cuts."""
        deltas, used, at = [], 0, 0
        while self._spans and (upto == ranges.FROM_KEY or self._spans[0].start < upto):
            span = self._spans.popleft()
            at = bisect_left(keys, span.start, at)
            if upto != ranges.FROM_KEY and (span.end == ranges.FROM_KEY or upto < span.end):
                span = self._split(span, upto)
            stop = len(keys) if span.end == ranges.FROM_KEY else bisect_left(keys, span.end, at)
            delta = self._survey.answer(span, keys[at:stop], stop - at)
            if delta.rows or delta.counts:
                deltas.append(delta)
            used += stop - at
            at = stop
        self._passed = 0 if used else self._passed + len(keys)
        self.astray = self._passed > USELESS
        return deltas

    def _split(self, span: Span, at: bytes) -> Span:
        """The part of the span before ``at``; what is behind it stays."""
        if span.tally is not None:
            span.tally.waiting += 1
        self._spans.appendleft(Span(at, span.end, span.limit, tally=span.tally, first=span.first))
        return Span(span.start, at, span.limit, tally=span.tally, first=span.first)
