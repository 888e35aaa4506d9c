"""A ``get`` as a person asks for it: with the options that were named."""

from __future__ import annotations

from etcdtui.core.etcdctl_grammar import Get
from etcdtui.core.types import RangeResult
from etcdtui.services.reads.reading import Reads


async def asked(reads: Reads, wanted: Get, most: int) -> RangeResult:
    """What the server answers, at most ``most`` keys of it. Raises ``EtcdError``, and ``ValueError`` for nonsense."""
    options = wanted.options
    return await reads.client.kv.get(
        wanted.key,
        range_end=wanted.end or None,
        revision=options.revision,
        limit=min(options.limit or most, most),
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
