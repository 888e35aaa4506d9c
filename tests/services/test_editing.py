"""Editing one key: nothing is lost, the lease and every byte stay, lost answers are found out."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from etcdtui.core.plan import PlanLine
from etcdtui.core.types import KeyValue, WriteIntent
from etcdtui.services.values.formats import check_syntax
from etcdtui.services.values.valuediff import Hiding, Look, changes, line_diff, merge, view
from etcdtui.services.writing.committing import Refused, Unknown
from etcdtui.services.writing.drafts import Drafts, drafts_of
from etcdtui.services.writing.editing import (
    Conflict,
    EditMode,
    Gone,
    NotKnown,
    Saved,
    editable,
    newline_words,
    outcome,
    plan_edit,
    to_value,
)
from etcdtui.services.writing.guard import Guard, GuardPolicy
from etcdtui.services.writing.undo import plan_undo
from etcdtui.services.writing.writes import Writes
from tests.services.writing_support import carry_out, must_get, writes_on
from tests.support.proxy import TcpProxy
from tests.support.server import Server

KEY = b"/config/app/db.json"


@pytest.mark.parametrize(
    "value",
    [
        b"", b"a", b"a\n", b"a\r\nb\r\n", b"a\r\nb\n", b"a\rb\nc", b"\xff\x00\x01", b"tab\there", "käse\n".encode(),
        b"\x1b]52;c;x\x07", "a\u2028b".encode(), b"a\x0bb\x0cc", b"\\x41\\", bytes(range(256)), b"\n\n\n", b"k8s\0abc",
        "\ufeffbom".encode(),
    ],
)  # fmt: skip
def test_a_value_survives_its_editor_byte_for_byte(value: bytes) -> None:
    shown = editable(value)
    assert to_value(shown.mode, shown.text) == value
    if shown.mode is not EditMode.TEXT:
        assert all(c.isprintable() or c == "\n" for c in shown.text)


def test_bad_hex_names_its_line() -> None:
    with pytest.raises(ValueError, match="Line 2"):
        to_value(EditMode.HEX, "00 11\n2x")


@pytest.mark.parametrize(
    ("kind", "good", "other", "broken", "words"),
    [
        ("JSON", b'{"a": 1}', b'{"a": 2}', b'{\n"a": }', "Line 2"),
        ("JSON", b'{"a": 1}', b"[NaN, 1]".replace(b"NaN", b"2"), b'{"a": NaN}', "strict JSON"),
        ("JSON lines", b'{"a": 1}\n{"a": 2}\n', b'{"a": 1}\n{"a": 3}\n', b'{"a": 1}\n{"a": \n', "Line 2"),
        ("YAML", b"a: 1\nb: 2\n", b"a: 1\nb: 3\n", b"a: 1\n b: [2\n", "YAML"),
        ("YAML", b"a: 1\nb: 2\n", b"a: 1\n", b"just words", "no longer a mapping"),
        ("TOML", b"[a]\nb = 1\n", b"[a]\nb = 2\n", b"[a]\nb = \n", "line 2"),
        ("XML", b"<a><b/></a>", b"<a/>", b"<a><b></a>", "mismatched tag"),
        ("integer", b"16", b"32", b"3x", "no longer a number"),
    ],
)
def test_syntax_is_checked_for_what_the_value_was(
    kind: str, good: bytes, other: bytes, broken: bytes, words: str
) -> None:
    assert (check_syntax(good, other).kind, check_syntax(good, other).problem) == (kind, "")
    assert words in check_syntax(good, broken).problem
    plan = plan_edit(Guard(GuardPolicy(read_only=False)), KEY, KeyValue(KEY, good, 1, 1, 1, 0), broken).plan
    assert [plan.facts[0].tone, plan.lines[0].tone] == ["warn", "warn"]
    assert (plan.facts[0].name, words in str(plan.lines[0].parts[0])) == (f"BROKEN {kind}".encode(), True)


def test_text_may_become_anything_and_a_new_key_is_checked_for_what_it_looks_like() -> None:
    assert check_syntax(b"text", b"{not json").problem == ""
    assert check_syntax(None, b"{not json").problem
    assert check_syntax(None, b"[server]\nport = 1\n").kind == "TOML"


def test_the_final_newline_is_told() -> None:
    assert newline_words(b"a", b"b") == "keeps final newline: none"
    assert newline_words(b"a", b"b\n") == "a final newline is ADDED"
    assert newline_words(b"a\n", b"b") == "the final newline is REMOVED"


def test_field_and_line_differences() -> None:
    before, after = b'{"pool": {"min": 4, "max": 1.1}}', b'{"pool": {"min": 4, "max": 1.10}}'
    assert changes(before, after) == ["pool.max 1.1 -> 1.10"]
    assert changes(b"a: 1\nb:\n  c: no\n", b"a: 1\nb:\n  c: off\n") == ["b.c no -> off"]
    assert [(x.tone, x.parts[1]) for x in line_diff(b"a\nb\n", b"a\nc\n")][1:3] == [("remove", b"b"), ("add", b"c")]
    assert changes(b"\xff\x00", b"\xff\x01\x02") == ["1 bytes became 2 at 0x1"]


@pytest.mark.parametrize("form", [b'{"user": "u", "password": "%s"}', b"user: u\npassword: %s\n", b"password=%s"])
def test_what_the_profile_masks_is_in_no_difference_until_revealed(form: bytes) -> None:
    before, after = form % b"SECRET1", form % b"SECRET2"
    for hidden in (Hiding(frozenset({"password"})), Hiding(whole=True)):
        for look in (Look(), Look(fields=True)):
            assert b"SECRET" not in _shown(view(before, after, hidden, look))
        assert b"SECRET2" in _shown(view(before, after, hidden, Look(revealed=True)))
        assert b"SECRET" not in _shown(view(None, after, hidden, Look()))


def _shown(lines: list[PlanLine]) -> bytes:
    return b"\n".join(p if isinstance(p, bytes) else p.encode() for x in lines for p in x.parts)


def test_two_changes_of_different_fields_merge_and_of_the_same_field_do_not() -> None:
    base = b'{\n  "min": 4,\n  "max": 16\n}\n'
    assert merge(base, base.replace(b"16", b"32"), base.replace(b"4", b"8")) == b'{\n  "min": 8,\n  "max": 32\n}\n'
    assert merge(base, base.replace(b"16", b"32"), base.replace(b"16", b"64")) is None
    assert merge(b"a: 1\nb: 1\n", b"a: 2\nb: 1\n", b"a: 1\nb: 2\n") == b"a: 2\nb: 2\n"
    assert merge(b'{"a":1,"b":1}', b'{"a":2,"b":1}', b'{"a":1,"b":1.10}') == b'{"a":2,"b":1.10}'


async def edit(writes: Writes, value: bytes) -> Saved | Conflict | Gone | NotKnown:
    base = await must_get(writes, KEY)
    result = outcome(await carry_out(writes, plan_edit(writes.guard, KEY, base, value, drafts=drafts_of(writes))))
    assert isinstance(result, Saved | Conflict | Gone | NotKnown)
    return result


async def test_an_edit_keeps_its_lease_and_writes_an_audit_line_without_the_value(etcd: Server, tmp_path: Path) -> None:
    lease = int((await etcd.call("lease/grant", TTL=100))["ID"])
    await etcd.put(KEY, b"before-SECRET", lease=lease)
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        assert isinstance(await edit(writes, b"after-SECRET"), Saved)
        kv = await must_get(writes, KEY)
        assert (kv.value, kv.lease, kv.version) == (b"after-SECRET", lease, 2)
        assert drafts_of(writes).find(KEY) is None
    audit = tmp_path / "audit.jsonl"
    assert audit.stat().st_mode & 0o777 == 0o600
    assert b"SECRET" not in audit.read_bytes()
    record = json.loads(audit.read_text())
    assert (record["action"], record["target"], record["result"][:3]) == ("put (cas)", KEY.decode(), "rev")


async def test_a_change_between_load_and_save_is_a_conflict_and_the_draft_stays(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(KEY, b"one")
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        base = await must_get(writes, KEY)
        await etcd.put(KEY, b"theirs")
        mine = partial(plan_edit, writes.guard, KEY, base, b"mine", drafts=drafts_of(writes))
        result = outcome(await carry_out(writes, mine()))
        assert isinstance(result, Conflict)
        assert result.theirs.value == b"theirs"
        assert await etcd.get(KEY) == b"theirs"
        await etcd.delete(KEY)
        gone = outcome(await carry_out(writes, mine()))
        assert isinstance(gone, Gone)
        draft = Drafts(tmp_path / "drafts", "another profile", writes.guard.cluster_id).find(KEY)
        assert draft is not None
        assert (draft.value, draft.base and draft.base.value) == (b"mine", b"one")
        assert next((tmp_path / "drafts").iterdir()).stat().st_mode & 0o777 == 0o600
        assert Drafts(tmp_path / "drafts", "test", 12345).find(KEY) is None


async def test_new_never_overwrites(etcd: Server, tmp_path: Path) -> None:
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        write = plan_edit(writes.guard, KEY, None, b"mine")
        await etcd.put(KEY, b"first")
        assert isinstance(outcome(await carry_out(writes, write)), Conflict)
        assert await etcd.get(KEY) == b"first"


async def test_two_editors_never_lose_a_change_in_a_thousand_rounds(etcd: Server, tmp_path: Path) -> None:
    """Two counters in one value; each editor adds to its own. Every saved addition is in the final value."""
    await etcd.put(KEY, b'{"a": 0, "b": 0}')
    saved = {"a": 0, "b": 0}
    rounds = 500

    async def editor(name: str, writes: Writes, seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(rounds):
            base = await must_get(writes, KEY)
            data = json.loads(base.value)
            data[name] += 1
            value = json.dumps(data).encode()
            write = plan_edit(writes.guard, KEY, base, value)
            if dice.random() < 0.3:
                await asyncio.sleep(0)
            report = await carry_out(writes, write)
            if report.complete:
                saved[name] += 1
            else:
                assert isinstance(report.stopped, Refused)

    async with writes_on(etcd.endpoint, tmp_path / "1") as one, writes_on(etcd.endpoint, tmp_path / "2") as two:
        one.audit.path = two.audit.path = None
        await asyncio.gather(editor("a", one, 1), editor("b", two, 2))
        final = await must_get(one, KEY)
    assert json.loads(final.value) == saved
    assert final.version == 1 + saved["a"] + saved["b"]
    assert min(saved.values()) > 0


Proxies = Callable[[str], Awaitable[TcpProxy]]


async def test_a_lost_answer_never_yields_a_false_saved_or_not_saved(
    etcd: Server, tmp_path: Path, tcp_proxy: Proxies
) -> None:
    """The connection is cut at random moments of the write; what is told is compared with the server's history."""
    proxy = await tcp_proxy(etcd.endpoint)
    dice = random.Random(7)
    told: dict[str, int] = {}
    async with writes_on(proxy.endpoint, tmp_path, command_timeout=1.0) as writes:
        writes.audit.path = None
        for number in range(60):
            await etcd.put(KEY, b"base %d" % number)
            base = await must_get(writes, KEY)
            value = b"mine %d" % number
            write = plan_edit(writes.guard, KEY, base, value)

            async def cut() -> None:
                await asyncio.sleep(dice.random() * 0.003)
                await proxy.cut()

            cutter = asyncio.create_task(cut())
            try:
                report = await carry_out(writes, write)
            finally:
                await cutter
            if dice.random() < 0.5:
                await etcd.put(KEY, b"other %d" % number)
            wrote = (await _versions(writes, base.mod_revision)).count(value)
            told[type(report.stopped).__name__] = told.get(type(report.stopped).__name__, 0) + 1
            assert not isinstance(report.stopped, Unknown)
            assert wrote == (1 if report.complete else 0), (number, report)
    assert told.get("NoneType", 0) > 10


async def _versions(writes: Writes, floor: int) -> list[bytes]:
    now = await must_get(writes, KEY)
    out = []
    for revision in range(floor + 1, now.mod_revision + 1):
        found = await writes.client.kv.get(KEY, revision=revision)
        out += [kv.value for kv in found.kvs if kv.mod_revision == revision]
    return out


async def test_an_answer_lost_behind_a_black_hole_is_settled_when_the_server_is_back(
    etcd: Server, tmp_path: Path, tcp_proxy: Proxies
) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    await etcd.put(KEY, b"base")
    async with writes_on(proxy.endpoint, tmp_path, command_timeout=0.3) as writes:
        base = await must_get(writes, KEY)
        write = plan_edit(writes.guard, KEY, base, b"mine")
        writes.guard.hook = lambda intent: _hole(proxy, intent)
        task = asyncio.create_task(carry_out(writes, write))
        await asyncio.wait([task], timeout=0.6)
        assert not task.done()
        writes.guard.hook = None
        await proxy.heal()
        report = await task
        assert report.complete
        assert report.settled
        kv = await must_get(writes, KEY)
        assert (kv.value, kv.version) == (b"mine", 2)


def _hole(proxy: TcpProxy, intent: WriteIntent) -> None:
    proxy.black_hole()


async def test_without_a_server_the_outcome_is_called_unknown_and_the_draft_stays(
    etcd: Server, tmp_path: Path, tcp_proxy: Proxies
) -> None:
    proxy = await tcp_proxy(etcd.endpoint)
    await etcd.put(KEY, b"base")
    async with writes_on(proxy.endpoint, tmp_path, command_timeout=0.2) as writes:
        writes.resolve_for = 0.5
        writes.guard.hook = lambda intent: _hole(proxy, intent)
        result = await edit(writes, b"mine")
        assert isinstance(result, NotKnown)
        draft = drafts_of(writes).find(KEY)
        assert draft is not None
        assert draft.value == b"mine"


async def test_the_review_of_an_undo_shows_what_goes_and_what_comes_back(etcd: Server, tmp_path: Path) -> None:
    await etcd.put(KEY, b'{"max": 16, "password": "first"}')
    async with writes_on(etcd.endpoint, tmp_path) as writes:
        assert isinstance(await edit(writes, b'{"max": 32, "password": "second"}'), Saved)
        entry = writes.undo.last()
        assert entry is not None
        undo = await plan_undo(writes, entry, lambda _: Hiding(frozenset({"password"})))
        assert undo.write is not None
        words = [repr(part.parts) for part in undo.write.plan.lines]
        assert any("-" in shown and "32" in shown for shown in words)
        assert any("+" in shown and "16" in shown for shown in words)
        assert not any("first" in shown or "second" in shown for shown in words)
