"""Values that are no text are compared, searched and previewed in words, and what is secret in them stays hidden."""

from __future__ import annotations

import base64
import gzip

from etcdtui.config.schema import Mask
from etcdtui.core.search import FilterError
from etcdtui.services.reads import search
from etcdtui.services.reads.reading import Reads
from etcdtui.services.reads.search import query_of
from etcdtui.services.tail.veil import COVER, OPEN, Veil
from etcdtui.services.values import valuediff
from etcdtui.services.values.formats import Syntax, check_syntax
from etcdtui.services.values.insight import Insights
from etcdtui.services.values.valuediff import NOTHING, hiding
from tests.core.decoding.test_kubernetes import POD, envelope, field
from tests.services.looking_support import reading
from tests.support import Server

MASK = Mask()


def pod(node: str, managed: int = 0) -> bytes:
    managers = field(17, field(1, "kubelet") + field(2, "Update") + field(4, field(1, 1_700_000_000 + managed)))
    body = field(1, field(1, "web-1") + managers) + field(2, field(10, node))
    return envelope("v1", "Pod", body)


def secret(content: str) -> bytes:
    entry = field(1, "password") + field(2, content)
    return envelope("v1", "Secret", field(1, field(1, "db")) + field(2, entry) + field(3, "Opaque"))


def lines(before: bytes, after: bytes, hidden: valuediff.Hiding) -> str:
    rows = valuediff.line_diff(before, after, hidden)
    return "\n".join("".join(p if isinstance(p, str) else p.decode() for p in row.parts) for row in rows)


def test_a_kubernetes_object_differs_by_its_fields_and_its_yaml() -> None:
    hidden = hiding(MASK, b"/registry/pods/prod/web-1")
    before, after = pod("node-1"), pod("node-2", managed=5)
    told = valuediff.changes(before, after, hidden)
    assert told[0] == "spec.nodeName node-1 -> node-2"
    assert len(told) == 2 and told[1].startswith("metadata.managedFields")
    assert " +   nodeName: node-2" in lines(before, after, hidden)


def test_what_is_in_a_secret_is_never_in_a_difference_unless_revealed() -> None:
    hidden = hiding(Mask(keys=(), fields=()), b"/elsewhere/db")
    before, after = secret("old-word"), secret("new-word")
    new = base64.b64encode(b"new-word").decode()
    shown = "\n".join(
        [*valuediff.changes(before, after, hidden), lines(before, after, hidden), lines(b"", after, hidden)]
    )
    assert "data.password" in shown and new not in shown and "new-word" not in shown
    assert new in lines(before, after, NOTHING)
    assert "new-word" not in valuediff.preview(after, hidden) and "Secret" in valuediff.preview(after, hidden)
    assert Veil(Mask(keys=(), fields=())).cover(b"/elsewhere/db", after) == (COVER, True)
    assert OPEN.cover(b"/elsewhere/db", after) == (after, False)
    packed = gzip.compress(b'{"password": "hunter2"}')
    assert Veil(MASK).cover(b"/a", packed) == (COVER, True)


def test_who_encrypted_a_value_is_a_field_of_it() -> None:
    hidden = hiding(MASK, b"/registry/secrets-like/a")
    before, after = b"k8s:enc:aescbc:v1:key1:\x01\x02", b"k8s:enc:secretbox:v1:key2:\x03"
    told = valuediff.changes(before, after, hidden)
    assert told[:2] == ["provider aescbc v1 -> secretbox v1", "key key1 -> key2"]


def test_compressed_documents_differ_by_field_and_are_never_merged_as_bytes() -> None:
    base, mine, theirs = (gzip.compress(b'{"a": %d, "b": %d}' % pair, mtime=0) for pair in ((1, 1), (2, 1), (1, 2)))
    assert valuediff.changes(base, mine) == ["a 1 -> 2"]
    assert valuediff.merge(base, mine, theirs) is None


def test_masked_fields_of_a_binary_value_are_not_in_its_hex() -> None:
    packed = gzip.compress(b'{"password": "hunter2"}')
    hidden = hiding(MASK, b"/a")
    assert "hunter2" not in lines(b"\x00\x01", packed, hidden)
    assert "fields are hidden" in lines(b"\x00\x01", packed, hidden)


async def found(reads: Reads, words: str) -> list[tuple[bytes, bytes]]:
    made = Insights(MASK)
    insight = search.Insight(made.document, made.readable, made.cover)
    rows: list[tuple[bytes, bytes]] = []
    async for progress in search.search(reads, query_of(words), insight=insight):
        rows += [(hit.key, hit.preview) for hit in progress.hits]
    return rows


async def test_a_search_sees_the_names_of_fields_that_a_value_does_not_store(etcd: Server) -> None:
    stored = {
        b"/registry/pods/a": envelope("v1", "Pod", POD),
        b"/registry/pods/b": pod("node-2"),
        b"/registry/things/c": b'{"spec": {"nodeName": "node-1"}}',
        b"/registry/things/d": gzip.compress(b'{"spec": {"nodeName": "node-9"}}'),
        b"/registry/odd/secret": secret("node-1-password"),
        b"/app/conf": b'{"password": "node-1-password", "port": 1}',
        b"/app/yaml": b"spec:\n  nodeName: node-1\n  n: 3\n",
    }
    async with reading(etcd.endpoint) as reads:
        for key, value in stored.items():
            await reads.client.kv.put(key, value)
        by_field = [key for key, _ in await found(reads, "json:spec.nodeName=node-1")]
        assert by_field == [b"/app/yaml", b"/registry/pods/a", b"/registry/things/c"]
        assert [key for key, _ in await found(reads, "registry json:nodename:node-9")] == [b"/registry/things/d"]
        assert await found(reads, "value:nodename") == [
            (b"/app/yaml", b"spec:\n  nodeName: node-1\n  n: 3\n"),
            (b"/registry/pods/a", b'  nodeName: node-1\nstatus:\n  "#99": stray\n  phase: Running\n  podIP: 10.0.0.1'),
            (b"/registry/pods/b", b"  nodeName: node-2"),
            (b"/registry/things/c", b'{"spec": {"nodeName": "node-1"}}'),
            (b"/registry/things/d", b'    "nodeName": "node-9"\n  }\n}'),
        ]
        assert [key for key, _ in await found(reads, "value:nodeName: node-2")] == [b"/registry/pods/b"]
        hidden = dict(await found(reads, "value:node-1-password"))
        assert set(hidden) == {b"/app/conf", b"/registry/odd/secret"}
        assert not any(b"node-1-password" in preview for preview in hidden.values())
        try:
            await found(reads, "json:")
        except FilterError as problem:
            assert "json:" in str(problem)
        else:
            raise AssertionError("no sentence")


def test_a_compressed_document_that_breaks_is_told_as_any_other() -> None:
    before = gzip.compress(b'{"a": 1}')
    assert check_syntax(before, gzip.compress(b'{"a": 2}')) == Syntax("gzip > JSON")
    assert "Line 1" in check_syntax(before, gzip.compress(b'{"a": ')).problem
    assert check_syntax(before, b'{"a": 2}') == Syntax("gzip > JSON", "It is not gzip any more, but JSON.")
