"""A ``get`` as a person asks for it: with the options that were named."""

from __future__ import annotations

from contextlib import aclosing

from etcdtui.client.key_lists import KeyRange
from etcdtui.core.etcdctl_grammar import Get
from etcdtui.core.listing import WALK
from etcdtui.core.types import RangeResult, ResponseHeader
from etcdtui.core.units import format_count
from etcdtui.services.reads.browse import SECONDS_A_KEY
from etcdtui.services.reads.reading import Reads

AT_ONCE = 100_000
"""Keys that may be walked in one request because somebody asked for an order or a filter: some 20 ms."""


async def asked(reads: Reads, wanted: Get, most: int) -> RangeResult:
    """What the server answers, at most ``most`` keys of it; ``count`` is -1 where counting would walk many.

    Raises ``EtcdError``, and ``ValueError`` for nonsense and for what would hold up other people's writes for long.
    """
    options = wanted.options
    limit = min(options.limit or most, most)
    keys = 0
    if wanted.end and not reads.small_store:
        keys, _ = await reads.about(b"", (wanted.key, wanted.end))
    filtered = any((options.min_create, options.max_create, options.min_mod, options.max_mod))
    if keys <= WALK or filtered or options.sort_by or options.order:
        if keys > AT_ONCE:
            raise ValueError(
                f"for an order or a filter the server reads all of about {format_count(keys)} keys at once, and nobody"
                f" can write for some {keys * SECONDS_A_KEY:.1f} s: name a smaller range"
            )
        return await _at_once(reads, wanted, limit)
    if options.count_only:
        found = await reads.client.kv.keys([KeyRange(wanted.key, wanted.end, 1)], revision=options.revision)
        return RangeResult((), False, found.lists[0].count, ResponseHeader(0, 0, found.revision, 0))
    pages = reads.client.kv.pages(
        wanted.key,
        range_end=wanted.end,
        page_size=limit,
        keys_only=options.keys_only,
        revision=options.revision,
        serializable=options.serializable,
    )
    async with aclosing(pages):
        return await anext(pages)


async def _at_once(reads: Reads, wanted: Get, limit: int) -> RangeResult:
    options = wanted.options
    return await reads.client.kv.get(
        wanted.key,
        range_end=wanted.end or None,
        revision=options.revision,
        limit=limit,
        keys_only=options.keys_only,
        sort_target=options.sort_by or None,
        sort_order=options.order or None,
        count_only=options.count_only,
        serializable=options.serializable,
        min_create_revision=options.min_create,
        max_create_revision=options.max_create,
        min_mod_revision=options.min_mod,
        max_mod_revision=options.max_mod,
    )
