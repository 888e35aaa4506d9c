"""What a member would answer about the keys of a database file: ranges of every form, and transactions that only read.

Relied on of etcd: an answer's ``count`` is of the whole range at that revision, whatever limits and filters say; with
an order or a filter all keys are looked at before the limit counts; a comparison of a key that is not there is with
zeros, and one of its value is false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.message import DecodeError

from etcdtui.client.offline.contents import Contents
from etcdtui.client.offline.opened_file import OpenedFile
from etcdtui.client.offline.revisions import NARROW, View
from etcdtui.core import errors as e
from etcdtui.pb import kv_pb2, rpc_pb2

MANY = 2000
"""Keys above which an answer is put together in a thread."""
STREAMED = 1000
"""Keys in one message of a stream, and bytes after which one ends earlier."""
STREAMED_BYTES = 1024 * 1024
_TARGETS: dict[int, Callable[[kv_pb2.KeyValue], Any]] = {
    rpc_pb2.RangeRequest.KEY: lambda kv: kv.key,
    rpc_pb2.RangeRequest.VERSION: lambda kv: kv.version,
    rpc_pb2.RangeRequest.CREATE: lambda kv: kv.create_revision,
    rpc_pb2.RangeRequest.MOD: lambda kv: kv.mod_revision,
    rpc_pb2.RangeRequest.VALUE: lambda kv: kv.value,
}
_COMPARED: dict[int, str] = {
    rpc_pb2.Compare.VERSION: "version",
    rpc_pb2.Compare.CREATE: "create_revision",
    rpc_pb2.Compare.MOD: "mod_revision",
    rpc_pb2.Compare.VALUE: "value",
    rpc_pb2.Compare.LEASE: "lease",
}


class Answers:
    """Built on a proven file. Nothing here waits; long answers are for a thread, and ``is_quick`` tells which."""

    def __init__(self, file: OpenedFile, contents: Contents, largest: int) -> None:
        """``largest`` is the most bytes of one answer, as the client's options say."""
        self._revisions = file.revisions
        self._largest = largest
        self.compacted = contents.compacted
        self.revision = max(file.revisions.last, contents.compacted, 1)
        self.header = rpc_pb2.ResponseHeader(
            cluster_id=contents.cluster_id,
            member_id=contents.members[0].ID if contents.members else 0,
            revision=self.revision,
            raft_term=contents.term,
        )

    # --- ranges --------------------------------------------------------------------------------------------------

    def is_quick(self, request: rpc_pb2.RangeRequest) -> bool:
        """Whether the answer is there in a moment; a refusal always is."""
        start, end, revision = (
            request.key,
            request.range_end,
            request.revision if request.revision > 0 else self.revision,
        )
        if not start or not self.compacted <= revision <= self.revision:
            return True
        if self._revisions.cost(start, end, revision) > NARROW:
            return False
        first, after = self._revisions.known(start, end)
        few = 0 < request.limit <= MANY and not _looks_at_all(request)
        return request.count_only or after - first <= MANY or few

    def range(self, request: rpc_pb2.RangeRequest) -> rpc_pb2.RangeResponse:
        """Raises what the server would: ``EmptyKey``, ``Compacted``, ``FutureRevision``, ``InvalidArgument``."""
        view, first, after = self._found(request)
        answer = rpc_pb2.RangeResponse(header=self.header, count=after - first)
        if request.count_only:
            return answer
        limit = max(0, request.limit)
        if _sorts(request) or _looks_at_all(request):
            if limit and not _looks_at_all(request):  # as a server does it: the first keys, and those in order
                after = min(after, first + limit + 1)
            kvs = [kv for kv in self._stored(view, range(first, after), request) if _passes(request, kv)]
            _sort(request, kvs)
            answer.more = 0 < limit < len(kvs)
            answer.kvs.extend(kvs[:limit] if limit else kvs)
            if request.keys_only:
                for kv in answer.kvs:
                    kv.value = b""
            return answer
        answer.more = 0 < limit < after - first
        answer.kvs.extend(self._stored(view, range(first, min(after, first + limit) if limit else after), request))
        return answer

    def streamed(self, request: rpc_pb2.RangeRequest) -> Iterator[rpc_pb2.RangeResponse]:
        """The same keys in several messages, without a count before the last."""
        view, first, after = self._found(request)
        if _sorts(request) or _looks_at_all(request) or request.count_only:
            yield self.range(request)
            return
        total = after - first
        after = min(after, first + request.limit) if request.limit > 0 else after
        while first < after:
            part = rpc_pb2.RangeResponse(header=self.header)
            size = 0
            while first < after and len(part.kvs) < STREAMED and size < STREAMED_BYTES:
                number = view.records[first]
                part.kvs.append(self.kv(number, bare=request.keys_only))
                size += self._revisions.sizes[number]
                first += 1
            if first == after:
                part.count = total
            yield part

    def kv(self, number: int, *, bare: bool = False) -> kv_pb2.KeyValue:
        """A record as the file holds it, checked; ``bare`` leaves its value out."""
        try:
            found = kv_pb2.KeyValue.FromString(self._revisions.raw(number))
        except DecodeError:
            raise self._damaged(number) from None
        main = self._revisions.mains[number]
        if self._revisions.tombstones[number] and not found.mod_revision:
            found.mod_revision = main  # a tombstone holds its key alone
        if found.mod_revision != main:
            raise self._damaged(number)
        if bare:
            found.value = b""
        return found

    def _found(self, request: rpc_pb2.RangeRequest) -> tuple[View, int, int]:
        if not request.key:
            raise e.EmptyKey()
        if request.sort_order not in (0, 1, 2) or request.sort_target not in _TARGETS:
            raise e.InvalidArgument("invalid sort option")
        return self._revisions.within(request.key, request.range_end, self._at(request.revision))

    def _at(self, revision: int) -> int:
        """The revision that is meant; raises when it cannot be read."""
        if revision <= 0:
            return self.revision
        if revision > self.revision:
            raise e.FutureRevision(f"this file ends at revision {self.revision}")
        if revision < self.compacted:
            raise e.Compacted(compact_revision=self.compacted)
        return revision

    def _stored(self, view: View, wanted: Iterable[int], request: rpc_pb2.RangeRequest) -> Iterator[kv_pb2.KeyValue]:
        """The pairs at those places of a view; refused before their bytes are more than one answer may have."""
        bare = request.keys_only and request.sort_target != rpc_pb2.RangeRequest.VALUE
        size = 0
        for place in wanted:
            found = self.kv(view.records[place], bare=bare)
            size += len(found.key) + len(found.value)
            if size > self._largest:
                raise e.MessageTooLarge(f"the answer has more than {self._largest} bytes")
            yield found

    def _damaged(self, number: int) -> e.BadSnapshot:
        return e.BadSnapshot(f"the record of revision {self._revisions.mains[number]} in it is damaged")

    # --- transactions --------------------------------------------------------------------------------------------

    def txn(self, request: rpc_pb2.TxnRequest) -> rpc_pb2.TxnResponse:
        """A transaction of reads; ``WriteRefused`` for any other."""
        _check_reads(request)
        answer = rpc_pb2.TxnResponse(header=self.header, succeeded=all(self._holds(one) for one in request.compare))
        for op in request.success if answer.succeeded else request.failure:
            kind = op.WhichOneof("request")
            if kind == "request_range":
                answer.responses.add().response_range.CopyFrom(self.range(op.request_range))
            elif kind == "request_txn":
                answer.responses.add().response_txn.CopyFrom(self.txn(op.request_txn))
        return answer

    def is_quick_txn(self, request: rpc_pb2.TxnRequest) -> bool:
        ops = (*request.success, *request.failure)
        ranges = [op.request_range for op in ops if op.WhichOneof("request") == "request_range"]
        if len(ranges) < len(ops) or not all(self.is_quick(one) for one in ranges) or _are_many(ranges):
            return False
        cost = self._revisions.cost
        return sum(cost(one.key, one.range_end, max(0, one.revision) or self.revision) for one in ranges) <= NARROW

    def _holds(self, compare: rpc_pb2.Compare) -> bool:
        name = _COMPARED.get(compare.target)
        if name is None:
            raise e.InvalidArgument("unknown target of a comparison")
        view, first, after = self._revisions.within(compare.key, compare.range_end, self.revision)
        wanted = getattr(compare, name)
        if first == after:  # no key: zeros, and no value at all
            return name != "value" and _compare(compare.result, 0, wanted)
        kvs = (self.kv(view.records[place]) for place in range(first, after))
        return all(_compare(compare.result, getattr(kv, name), wanted) for kv in kvs)


def _are_many(ranges: Sequence[rpc_pb2.RangeRequest]) -> bool:
    return sum(min(one.limit or MANY, MANY) for one in ranges if not one.count_only) > 2 * MANY


def _compare(result: int, ours: Any, wanted: Any) -> bool:
    kinds = rpc_pb2.Compare
    if result == kinds.EQUAL:
        return bool(ours == wanted)
    if result == kinds.NOT_EQUAL:
        return bool(ours != wanted)
    return bool(ours > wanted if result == kinds.GREATER else ours < wanted)


def _looks_at_all(request: rpc_pb2.RangeRequest) -> bool:
    """Whether all keys have to be looked at before the limit counts."""
    filters = (
        request.min_mod_revision, request.max_mod_revision, request.min_create_revision, request.max_create_revision,
    )  # fmt: skip
    return request.sort_order != rpc_pb2.RangeRequest.NONE or any(filters)


def _sorts(request: rpc_pb2.RangeRequest) -> bool:
    return request.sort_target != rpc_pb2.RangeRequest.KEY


def _passes(request: rpc_pb2.RangeRequest, kv: kv_pb2.KeyValue) -> bool:
    lower = kv.mod_revision >= request.min_mod_revision and kv.create_revision >= request.min_create_revision
    mod_fits = not request.max_mod_revision or kv.mod_revision <= request.max_mod_revision
    return lower and mod_fits and (not request.max_create_revision or kv.create_revision <= request.max_create_revision)


def _sort(request: rpc_pb2.RangeRequest, kvs: list[kv_pb2.KeyValue]) -> None:
    kvs.sort(key=_TARGETS[request.sort_target], reverse=request.sort_order == rpc_pb2.RangeRequest.DESCEND)


def _check_reads(request: rpc_pb2.TxnRequest) -> None:
    for op in (*request.success, *request.failure):
        kind = op.WhichOneof("request")
        if kind == "request_txn":
            _check_reads(op.request_txn)
        elif kind != "request_range":
            raise e.WriteRefused("a snapshot stands still")
