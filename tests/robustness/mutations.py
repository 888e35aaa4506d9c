"""Good histories, spoiled in one place each: a judge that lets one of these pass is none."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.robustness.history import Answer, Batch, Call, Change, Get, History, Pair, Put, Result, Watch

Spoil = Callable[[History, random.Random], History]


def _watches(history: History, fits: Callable[[Watch], bool]) -> list[int]:
    places = [place for place, watch in enumerate(history.watches) if fits(watch)]
    assert places, "the history has no watch to spoil"
    return places


def _with_watch(history: History, place: int, **fields: object) -> History:
    watches = list(history.watches)
    watches[place] = replace(watches[place], **fields)  # type: ignore[arg-type]  # fields of a watch
    return replace(history, watches=tuple(watches))


def _with_call(history: History, place: int, **fields: object) -> History:
    calls = list(history.calls)
    calls[place] = replace(calls[place], **fields)  # type: ignore[arg-type]  # fields of a call
    return replace(history, calls=tuple(calls))


def _busy(watch: Watch) -> bool:
    return sum(1 for batch in watch.batches if batch.changes) >= 5


def _with_events(watch: Watch) -> list[int]:
    return [place for place, batch in enumerate(watch.batches) if batch.changes]


def _inner(draw: random.Random, places: list[int]) -> int:
    return draw.choice(places[1:-1])


def event_lost(history: History, draw: random.Random) -> History:
    """reliable"""
    place = draw.choice(_watches(history, _busy))
    watch = history.watches[place]
    cut = _inner(draw, _with_events(watch))
    return _with_watch(history, place, batches=watch.batches[:cut] + watch.batches[cut + 1 :])


def first_event_lost(history: History, draw: random.Random) -> History:
    """resumable"""
    place = draw.choice(_watches(history, _busy))
    watch = history.watches[place]
    cut = _with_events(watch)[0]
    return _with_watch(history, place, batches=watch.batches[:cut] + watch.batches[cut + 1 :])


def event_twice(history: History, draw: random.Random) -> History:
    """unique"""
    place = draw.choice(_watches(history, _busy))
    watch = history.watches[place]
    cut = _inner(draw, _with_events(watch))
    return _with_watch(history, place, batches=(*watch.batches[: cut + 1], *watch.batches[cut:]))


def events_swapped(history: History, draw: random.Random) -> History:
    """ordered"""
    place = draw.choice(_watches(history, _busy))
    watch = history.watches[place]
    places = _with_events(watch)
    batches = list(watch.batches)
    one = draw.randrange(len(places) - 1)
    a, b = places[one], places[one + 1]
    batches[a], batches[b] = batches[b], batches[a]
    return _with_watch(history, place, batches=tuple(batches))


def revision_torn(history: History, draw: random.Random) -> History:
    """atomic"""

    def torn(watch: Watch) -> list[int]:
        return [n for n, b in enumerate(watch.batches) if _of_one_revision(b.changes)]

    place = draw.choice(_watches(history, lambda watch: bool(torn(watch))))
    watch = history.watches[place]
    cut = draw.choice(torn(watch))
    whole = watch.batches[cut]
    parts = (replace(whole, changes=whole.changes[:-1]), replace(whole, changes=whole.changes[-1:]))
    return _with_watch(history, place, batches=(*watch.batches[:cut], *parts, *watch.batches[cut + 1 :]))


def event_of_a_revision_lost(history: History, draw: random.Random) -> History:
    """atomic"""

    def torn(watch: Watch) -> list[int]:
        return [n for n, b in enumerate(watch.batches) if _of_one_revision(b.changes)]

    place = draw.choice(_watches(history, lambda watch: bool(torn(watch))))
    watch = history.watches[place]
    cut = draw.choice(torn(watch))
    left = replace(watch.batches[cut], changes=watch.batches[cut].changes[:-1])
    return _with_watch(history, place, batches=(*watch.batches[:cut], left, *watch.batches[cut + 1 :]))


def _of_one_revision(changes: tuple[Change, ...]) -> bool:
    return len(changes) > 1 and changes[-1].revision == changes[-2].revision


def progress_told_early(history: History, draw: random.Random) -> History:
    """bookmarkable"""
    place = draw.choice(_watches(history, _busy))
    watch = history.watches[place]
    cut = _inner(draw, _with_events(watch))
    ahead = watch.batches[cut].changes[-1].revision
    early = Batch(watch.batches[cut].time, ahead, progress=True)
    return _with_watch(history, place, batches=(*watch.batches[:cut], early, *watch.batches[cut:]))


def event_with_another_value(history: History, draw: random.Random) -> History:
    """true"""
    place = draw.choice(_watches(history, _busy))
    watch = history.watches[place]
    cut = draw.choice(_with_events(watch))
    changes = watch.batches[cut].changes
    wrong = (replace(changes[0], value="wrong"), *changes[1:])
    batches = (*watch.batches[:cut], replace(watch.batches[cut], changes=wrong), *watch.batches[cut + 1 :])
    return _with_watch(history, place, batches=batches)


def wrong_previous_pair(history: History, draw: random.Random) -> History:
    """true"""

    def known(watch: Watch) -> list[int]:
        return [n for n, b in enumerate(watch.batches) if b.changes and b.changes[0].previous]

    place = draw.choice(_watches(history, lambda watch: bool(known(watch))))
    watch = history.watches[place]
    cut = draw.choice(known(watch))
    changes = watch.batches[cut].changes
    wrong = (replace(changes[0], previous=("wrong", 1)), *changes[1:])
    batches = (*watch.batches[:cut], replace(watch.batches[cut], changes=wrong), *watch.batches[cut + 1 :])
    return _with_watch(history, place, batches=batches)


def _calls(history: History, fits: Callable[[Call, Answer], bool]) -> Iterator[int]:
    return (place for place, call in enumerate(history.calls) if call.answer and fits(call, call.answer))


def _pairs(call: Call, answer: Answer) -> tuple[Pair, ...]:
    plain = call.request.kind == "read" and isinstance(call.request.then[0], Get) and not call.request.then[0].keys_only
    return answer.results[0].pairs if plain else ()


def read_of_another_value(history: History, draw: random.Random) -> History:
    """read"""
    place = draw.choice(list(_calls(history, lambda call, answer: bool(_pairs(call, answer)))))
    answer = history.calls[place].answer
    assert answer is not None
    pairs = answer.results[0].pairs
    results = (replace(answer.results[0], pairs=(replace(pairs[0], value="wrong"), *pairs[1:])), *answer.results[1:])
    return _with_call(history, place, answer=replace(answer, results=results))


def read_from_the_past(history: History, draw: random.Random) -> History:
    """stale: a whole answer, header included, as it was right some time before"""

    def single(call: Call, answer: Answer) -> bool:
        first = call.request.then[0] if call.request.then else None
        return call.request.kind == "read" and len(call.request.then) == 1 and first == Get(getattr(first, "key", ""))

    places = list(_calls(history, single))
    found = []
    for place in places:
        late = history.calls[place]
        for other in places:
            early = history.calls[other]
            if early.request == late.request and early.answer and late.answer and early.ended < late.began:
                found += [(place, other)] * (early.answer.results != late.answer.results)
    place, other = draw.choice(found)
    return _with_call(history, place, answer=history.calls[other].answer)


def read_from_the_past_under_a_new_revision(history: History, draw: random.Random) -> History:
    """read: what a cache that lies about its revision would answer"""
    old = read_from_the_past(history, draw)
    place = next(n for n, call in enumerate(old.calls) if call is not history.calls[n])
    answer, true = old.calls[place].answer, history.calls[place].answer
    assert answer is not None and true is not None
    return _with_call(old, place, answer=replace(answer, revision=true.revision))


def _plain_puts(history: History) -> list[int]:
    def plain(call: Call, _: Answer) -> bool:
        return call.request.kind == "write" and isinstance(call.request.then[0], Put)

    return list(_calls(history, plain))


def write_forgotten(history: History, draw: random.Random) -> History:
    """nobody made: an acknowledged write that nobody asked for"""
    place = draw.choice(_plain_puts(history))
    return replace(history, calls=history.calls[:place] + history.calls[place + 1 :])


def acknowledged_write_lost(history: History, draw: random.Random) -> History:
    """changed something else: it was answered, and its value is nowhere"""
    place = draw.choice(_plain_puts(history))
    call = history.calls[place]
    step = call.request.then[0]
    assert isinstance(step, Put)
    return _with_call(history, place, request=replace(call.request, then=(replace(step, value="lost"),)))


def applied_and_said_not_to_be(history: History, draw: random.Random) -> History:
    """not applied"""
    place = draw.choice(_plain_puts(history))
    return _with_call(history, place, fate="no", answer=None, error="Throttled")


def write_before_it_was_asked_for(history: History, draw: random.Random) -> History:
    """out of order"""
    places = _plain_puts(history)
    place = draw.choice(places[: len(places) // 2])
    end = max(call.ended for call in history.calls)
    return _with_call(history, place, began=end + 1, ended=end + 2)


def swap_that_saw_another_revision(history: History, draw: random.Random) -> History:
    """branch"""
    place = draw.choice(list(_calls(history, lambda call, answer: bool(call.request.conditions) and answer.succeeded)))
    call = history.calls[place]
    condition = replace(call.request.conditions[0], number=call.request.conditions[0].number + 1)
    return _with_call(history, place, request=replace(call.request, conditions=(condition,)))


def deletion_counted_wrong(history: History, draw: random.Random) -> History:
    """read: none instead of one could be true, if another delete whose fate is unknown came just before"""

    def deleted(_: Call, answer: Answer) -> bool:
        return any(result.deleted for result in answer.results)

    place = draw.choice(list(_calls(history, deleted)))
    answer = history.calls[place].answer
    assert answer is not None
    results = tuple(replace(result, deleted=2 * result.deleted) for result in answer.results)
    return _with_call(history, place, answer=replace(answer, results=results))


def count_wrong(history: History, draw: random.Random) -> History:
    """read"""
    place = draw.choice(list(_calls(history, lambda call, answer: bool(_pairs(call, answer)))))
    answer = history.calls[place].answer
    assert answer is not None
    more: Result = replace(answer.results[0], count=answer.results[0].count + 1)
    return _with_call(history, place, answer=replace(answer, results=(more, *answer.results[1:])))


def another_store_in_the_end(history: History, draw: random.Random) -> History:
    """etcdctl"""
    return replace(history, final={**history.final, "unknown": "1"})


ALL: tuple[Spoil, ...] = (
    event_lost,
    first_event_lost,
    event_twice,
    events_swapped,
    revision_torn,
    event_of_a_revision_lost,
    progress_told_early,
    event_with_another_value,
    wrong_previous_pair,
    read_of_another_value,
    read_from_the_past,
    read_from_the_past_under_a_new_revision,
    write_forgotten,
    acknowledged_write_lost,
    applied_and_said_not_to_be,
    write_before_it_was_asked_for,
    swap_that_saw_another_revision,
    deletion_counted_wrong,
    count_wrong,
    another_store_in_the_end,
)
"""Each with the word, in its docstring, that one complaint must hold."""
