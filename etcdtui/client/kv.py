"""Keys and values: get, put, delete, transactions, compaction, consistent paging."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence

from etcdtui.client import txn
from etcdtui.client._transport.calls import Calls
from etcdtui.client._wire import convert, methods, requests
from etcdtui.client._wire.convert import KeyLike
from etcdtui.client._wire.ranges import whole
from etcdtui.client._wire.requests import OrderLike, SortOrder, TargetLike
from etcdtui.client._wire.txn_writes import is_read_only
from etcdtui.client.key_lists import KeyLists, KeyRange, read_keys, read_keys_bounded, stream_keys
from etcdtui.client.pages import Pager
from etcdtui.client.posts import Posts
from etcdtui.core.errors import BadArgument
from etcdtui.core.types import CompactResult, DeleteResult, PutResult, RangeResult, TxnResult
from etcdtui.pb import rpc_pb2

DEFAULT_PAGE = 1000
"""Keys per page where the caller does not say."""


class KV:
    """``timeout`` is in seconds; ``None`` takes the command timeout, 0 none."""

    def __init__(self, caller: Calls, posts: Posts | None = None) -> None:
        self._caller = caller
        self._posts = posts
        self._pager = Pager(caller, posts)

    async def get(
        self,
        key: KeyLike,
        *,
        range_end: KeyLike | None = None,
        prefix: bool = False,
        from_key: bool = False,
        limit: int = 0,
        revision: int = 0,
        sort_target: TargetLike = None,
        sort_order: OrderLike = None,
        serializable: bool = False,
        keys_only: bool = False,
        count_only: bool = False,
        min_mod_revision: int = 0,
        max_mod_revision: int = 0,
        min_create_revision: int = 0,
        max_create_revision: int = 0,
        timeout: float | None = None,
    ) -> RangeResult:
        """Reads a key or a range. ``count`` is of the whole range, whatever ``limit`` and the revision filters say.

        ``serializable`` answers from one member, possibly stale. From etcd 3.7 ``keys_only`` answers lack ``lease``.
        """
        request = requests.range_request(
            key,
            range_end=range_end,
            prefix=prefix,
            from_key=from_key,
            limit=limit,
            revision=revision,
            sort_target=sort_target,
            sort_order=sort_order,
            serializable=serializable,
            keys_only=keys_only,
            count_only=count_only,
            min_mod_revision=min_mod_revision,
            max_mod_revision=max_mod_revision,
            min_create_revision=min_create_revision,
            max_create_revision=max_create_revision,
        )
        return convert.range_result(await self._caller.unary(methods.RANGE, request, timeout=timeout))

    async def first(
        self,
        key: KeyLike,
        *,
        by: TargetLike = "key",
        range_end: KeyLike | None = None,
        prefix: bool = False,
        from_key: bool = False,
        revision: int = 0,
        serializable: bool = False,
        keys_only: bool = False,
        timeout: float | None = None,
    ) -> RangeResult:
        """The first key of a range: the lowest, or the one created or changed first (``by`` "create", "mod").

        The answer's ``kv`` is the pair, ``None`` when the range is empty. By anything but the key the server sorts all.
        """
        return await self.get(
            key,
            range_end=range_end,
            prefix=prefix,
            from_key=from_key,
            limit=1,
            revision=revision,
            sort_target=by,
            sort_order=SortOrder.ASCEND,
            serializable=serializable,
            keys_only=keys_only,
            timeout=timeout,
        )

    async def last(
        self,
        key: KeyLike,
        *,
        by: TargetLike = "key",
        range_end: KeyLike | None = None,
        prefix: bool = False,
        from_key: bool = False,
        revision: int = 0,
        serializable: bool = False,
        keys_only: bool = False,
        timeout: float | None = None,
    ) -> RangeResult:
        """The last key of a range, as ``first`` is the first; the server sorts all of it."""
        return await self.get(
            key,
            range_end=range_end,
            prefix=prefix,
            from_key=from_key,
            limit=1,
            revision=revision,
            sort_target=by,
            sort_order=SortOrder.DESCEND,
            serializable=serializable,
            keys_only=keys_only,
            timeout=timeout,
        )

    def pages(
        self,
        key: KeyLike,
        *,
        range_end: KeyLike | None = None,
        prefix: bool = False,
        from_key: bool = False,
        page_size: int = DEFAULT_PAGE,
        keys_only: bool = False,
        revision: int = 0,
        serializable: bool = False,
        timeout: float | None = None,
    ) -> AsyncGenerator[RangeResult, None]:
        """The range in pages of at most ``page_size`` keys, all at the revision of the first.

        No request walks many keys, whatever the range holds: where the server streams ranges (3.7) one stream feeds the
        pages, elsewhere they are cut at names known to lie in the range. A page's ``count`` is that of the whole range
        in a small store and on a page that holds all of it, else -1. Raises ``Compacted`` when the revision is
        compacted away meanwhile: what came before is a consistent part, the listing has to be started anew.
        ``timeout`` is for the whole, what is done between two pages included.
        """
        request = requests.range_request(
            key,
            range_end=range_end,
            prefix=prefix,
            from_key=from_key,
            revision=revision,
            keys_only=keys_only,
            serializable=serializable,
        )
        return self._pager.pages(request, whole("page_size", page_size, 1), timeout)

    async def keys(
        self,
        wanted: Sequence[KeyRange],
        *,
        revision: int = 0,
        serializable: bool = False,
        timeout: float | None = None,
        at_once: bool = False,
        endpoint: str | None = None,
    ) -> KeyLists:
        """The first keys and the exact count of each range, all at one revision: for long listings.

        A server walks all keys of a range for it, and nobody writes meanwhile; so long ranges are asked for in several
        requests of few keys, unless all is wanted ``at_once``, in one. That raises ``TooManyOps`` when the server takes
        fewer ranges in one transaction. ``timeout`` is for each request; ``endpoint`` names the member to answer.
        """
        if at_once or self._posts is None:
            return await read_keys(
                self._caller, wanted, revision=revision, serializable=serializable, timeout=timeout, endpoint=endpoint
            )
        return await read_keys_bounded(
            self._caller, self._posts, wanted, revision=revision, serializable=serializable, timeout=timeout
        )

    def key_stream(
        self,
        start: bytes,
        end: bytes,
        *,
        revision: int = 0,
        serializable: bool = False,
        timeout: float | None = None,
    ) -> AsyncGenerator[list[bytes], None]:
        """The keys of ``[start, end)`` in parts, all at one revision, without a count: the cheapest way to many keys.

        ``timeout`` is for all of it; ``None`` bounds only the finding of a member, by the command timeout. Raises
        ``NotSupported`` on servers before 3.7. Closing the iterator ends the stream.
        """
        return stream_keys(self._caller, start, end, revision=revision, serializable=serializable, timeout=timeout)

    async def put(
        self,
        key: KeyLike,
        value: KeyLike,
        *,
        lease: int = 0,
        prev_kv: bool = False,
        ignore_value: bool = False,
        ignore_lease: bool = False,
        timeout: float | None = None,
    ) -> PutResult:
        """Writes one key. Without ``lease`` a lease the key had is detached, unless ``ignore_lease`` keeps it."""
        request = requests.put_request(
            key, value, lease=lease, prev_kv=prev_kv, ignore_value=ignore_value, ignore_lease=ignore_lease
        )
        return convert.put_result(await self._caller.unary(methods.PUT, request, timeout=timeout))

    async def delete(
        self,
        key: KeyLike,
        *,
        range_end: KeyLike | None = None,
        prefix: bool = False,
        from_key: bool = False,
        prev_kv: bool = False,
        timeout: float | None = None,
    ) -> DeleteResult:
        """Deletes a key or a range; deleting nothing is no error and makes no revision."""
        request = requests.delete_request(key, range_end=range_end, prefix=prefix, from_key=from_key, prev_kv=prev_kv)
        answer = await self._caller.unary(methods.DELETE_RANGE, request, timeout=timeout)
        return convert.delete_result(answer)

    async def txn(
        self,
        compare: Iterable[txn.Compare] = (),
        success: Iterable[txn.Op] = (),
        failure: Iterable[txn.Op] = (),
        timeout: float | None = None,
    ) -> TxnResult:
        """Runs ``success`` if all compares hold, else ``failure``, atomically at one revision.

        A transaction of reads only is repeated on failures like a read. One without any operation is answered by a
        single member without the cluster's consent: it says nothing about health.
        """
        request = txn.txn_request(compare, success, failure)
        method = methods.TXN_READ if is_read_only(request) else methods.TXN
        return convert.txn_result(await self._caller.unary(method, request, timeout=timeout))

    async def compact(self, revision: int, *, physical: bool = False, timeout: float | None = None) -> CompactResult:
        """Drops history below ``revision``. 0 is refused here: a server would accept it and then report false hashes.

        ``physical`` waits until the space is free, which can take long: give a long ``timeout``.
        """
        if revision == 0:
            raise BadArgument("compacting at revision 0 is refused")
        request = rpc_pb2.CompactionRequest(revision=whole("revision", revision, 1), physical=physical)
        answer = await self._caller.unary(methods.COMPACT, request, timeout=timeout)
        return CompactResult(convert.header(answer.header))
