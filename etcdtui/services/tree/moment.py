"""Which revision a person means, and whether the tree can be shown at it."""

from __future__ import annotations

from etcdtui.core.value import Value
from etcdtui.services.reads import history
from etcdtui.services.reads.reading import Reads


class Wanted(Value):
    """``revision`` is 0 when it cannot be shown; ``words`` say what is known of the history in either case."""

    revision: int
    words: str


async def wanted_revision(reads: Reads, revision: int, readable: bytes) -> Wanted:
    """``revision``, or that many before now when it is negative; ``readable`` is a key that may be read.

    Raises what a read raises.
    """
    reach = await history.reach(reads, readable)
    wanted = reach.head + revision if revision < 0 else revision
    if reach.oldest <= wanted <= reach.head:
        return Wanted(wanted, f"as of revision {wanted}; history reaches back to revision {reach.oldest}")
    compacted = ", older ones are compacted away" if reach.compacted else ""
    words = f"revision {wanted} cannot be shown: history reaches from {reach.oldest} to {reach.head}{compacted}"
    return Wanted(0, words)
