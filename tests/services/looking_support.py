"""A client for looking, and key spaces with every odd kind of name."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager

from etcdtui.client import Client, ClientOptions, Op
from etcdtui.client.key_lists import KeyLists, KeyRange
from etcdtui.core.errors import Unavailable
from etcdtui.core.listing import LEAF, Child, child_of
from etcdtui.services.reads.reading import Reads

SMALL = 20_000
ODD = (
    b"/",
    b"//",
    b"a",
    b"a/",
    b"a//b",
    b"/a",
    b"/a/",
    b"/a/b",
    b"\x00",
    b"\xff\xfe/x",
    b"/bin/\x00\xff",
    b"x:y/z",
    b"/a:b",
)


@asynccontextmanager
async def reading(*endpoints: str, user: str = "", password: str = "", large: bool = False) -> AsyncIterator[Reads]:
    """Reads of a store that is known to be small, or taken for ``large``."""
    options = ClientOptions(endpoints=endpoints, username=user or None, password=password or None)
    client = await Client.open(options)
    try:
        yield Large(client) if large else Reads(client, most_keys=lambda: SMALL)
    finally:
        await client.aclose()


class Large(Reads):
    """Takes the store for so large that no walk through much of it is harmless, and knows what one request walked."""

    worst = walked = 0

    @property
    def small_store(self) -> bool:
        return False

    async def keys(self, wanted: Sequence[KeyRange], revision: int = 0, *, guess: int = 0) -> KeyLists:
        answer = await super().keys(wanted, revision, guess=guess)
        walk = sum(one.count for one in answer.lists)
        self.worst, self.walked = max(self.worst, walk), self.walked + walk
        return answer


class PagedStream(Reads):
    """Streams made of pages where the server has none; ``cut_after`` that many keys the stream fails."""

    cut_after = 10**9

    @property
    def small_store(self) -> bool:
        return True

    @property
    def streams(self) -> bool:
        return True

    async def stream(self, start: bytes, end: bytes, revision: int = 0) -> AsyncGenerator[list[bytes], None]:
        seen = 0
        pages = self.client.kv.pages(start, range_end=end, page_size=777, keys_only=True, revision=revision)
        async with aclosing(pages) as parts:
            async for page in parts:
                if seen >= self.cut_after:
                    raise Unavailable("the stream was cut")
                seen += len(page.kvs)
                yield [kv.key for kv in page.kvs]


async def fill(client: Client, keys: Iterable[bytes], value: bytes = b"v") -> None:
    every = sorted(set(keys))
    for first in range(0, len(every), 100):
        await client.kv.txn(success=[Op.put(key, value) for key in every[first : first + 100]])


def odd_keys(seed: int, many: int = 400) -> list[bytes]:
    """Binary names, doubled and missing separators, keys that are also folders."""
    rng = random.Random(seed)
    alphabets = (b"ab/", b"abc/:\xff\xfe", b"\x00/z", b"ab-_./0")
    made = {bytes(rng.choices(rng.choice(alphabets), k=rng.randint(1, 9))) for _ in range(many)}
    return sorted(made | set(ODD))


def expected(keys: Iterable[bytes], prefix: bytes, separators: tuple[bytes, ...]) -> dict[bytes, int]:
    """The children a full listing of ``keys`` shows, with the number of keys in each folder."""
    found: dict[bytes, int] = {}
    for key in keys:
        if key.startswith(prefix):
            name, folder = child_of(key[len(prefix) :], separators)
            found[name] = found.get(name, 0) + 1 if folder else LEAF
    return found


def as_counts(rows: Iterable[Child]) -> dict[bytes, int]:
    return {row.name: row.count for row in rows}
