"""The names, defaults and shapes that users of the library rely on."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import etcdtui.client as package
from etcdtui.client import Client, ClientOptions, Compare, Op, TlsOptions, connect, errors
from etcdtui.client._lease.keepalive import KeepAlive
from etcdtui.client.concurrency import Election, Mutex, Session
from etcdtui.client.watch import Watcher, WatchHub
from etcdtui.core.types import Alarm, Event, EventType, Member, Permission, PermissionType, WatchBatch, WriteIntent
from tests.support.server import Server

DEFAULTS = {
    "endpoints": ("127.0.0.1:2379",),
    "username": None,
    "password": None,
    "token": None,
    "tls": None,
    "dial_timeout": 2.0,
    "command_timeout": 5.0,
    "keepalive_time": 10.0,
    "keepalive_timeout": 6.0,
    "permit_without_stream": False,
    "auto_sync_interval": 0.0,
    "reject_old_cluster": False,
    "max_request_bytes": 2 * 1024 * 1024,
    "max_recv_bytes": 2**31 - 1,
    "max_unary_retries": 100,
    "backoff_wait_between": 0.025,
    "backoff_jitter_fraction": 0.10,
    "retry_writes": False,
}

RANGE = "range_end=None, prefix=False, from_key=False"
SIGNATURES = {
    "kv.get": f"key, *, {RANGE}, limit=0, revision=0, sort_target=None, sort_order=None, serializable=False, "
    "keys_only=False, count_only=False, min_mod_revision=0, max_mod_revision=0, min_create_revision=0, "
    "max_create_revision=0, timeout=None",
    "kv.pages": f"key, *, {RANGE}, page_size=1000, keys_only=False, revision=0",
    "kv.put": "key, value, *, lease=0, prev_kv=False, ignore_value=False, ignore_lease=False, timeout=None",
    "kv.delete": f"key, *, {RANGE}, prev_kv=False, timeout=None",
    "kv.txn": "compare=(), success=(), failure=(), timeout=None",
    "kv.compact": "revision, *, physical=False, timeout=None",
    "watch": f"key, *, {RANGE}, start_revision=0, prev_kv=False, progress_notify=False, no_put=False, "
    "no_delete=False, created_notify=False, require_leader=False",
    "lease.grant": "ttl, *, id=0",
    "lease.revoke": "id",
    "lease.keep_alive_once": "id",
    "lease.keep_alive": "id",
    "lease.leases": "",
    "lease.time_to_live": "id, *, keys=False",
    "cluster.members": "*, linearizable=True",
    "cluster.add": "peer_urls, *, learner=False",
    "cluster.remove": "member_id",
    "cluster.update": "member_id, peer_urls",
    "cluster.promote": "member_id",
    "maintenance.status": "endpoint=None",
    "maintenance.alarms": "",
    "maintenance.disarm": "member_id=0, alarm=None",
    "maintenance.defragment": "endpoint",
    "maintenance.hash_kv": "endpoint=None, *, revision=0",
    "maintenance.move_leader": "target_id",
    "maintenance.downgrade": "action, version=''",
    "maintenance.snapshot": "endpoint=None",
    "maintenance.save_snapshot": "path, endpoint=None, on_progress=None, *, overwrite=False",
    "auth.enable": "",
    "auth.disable": "",
    "auth.status": "",
    "auth.user_add": "name, password=None",
    "auth.user_delete": "name",
    "auth.user_get": "name",
    "auth.users": "",
    "auth.user_change_password": "name, password",
    "auth.user_grant_role": "user, role",
    "auth.user_revoke_role": "user, role",
    "auth.role_add": "name",
    "auth.role_delete": "name",
    "auth.role_get": "name",
    "auth.roles": "",
    "auth.role_grant_permission": "role, permission",
    "auth.role_revoke_permission": "role, key, range_end=b''",
    "concurrency.Session": "",
    "concurrency.Mutex": "session, name",
    "concurrency.Election": "session, name",
    "sync": "",
    "aclose": "",
}
TREE = {
    errors.EtcdError: "ConfigError InvalidArgument KeyNotFound Compacted FutureRevision LeaseNotFound LeaseExists "
    "LeaseTtlTooLarge NoSpace Corrupt NoLeader LearnerRefused Membership Unauthenticated AuthFailed AuthNotEnabled "
    "PermissionDenied NotSupported OldCluster Unavailable DeadlineExceeded TlsError MessageTooLarge WatchCancelled "
    "KeepAliveLost ClosedError",
    errors.InvalidArgument: "EmptyKey DuplicateKey TooManyOps RequestTooLarge LeaseProvided ValueProvided",
    errors.Unauthenticated: "InvalidToken",
}


def found(root: object, path: str) -> Any:
    for name in path.split("."):
        root = getattr(root, name)
    return root


def parts(signature: str) -> tuple[list[str], dict[str, str]]:
    """Positional parameters in order, keyword-only ones with their defaults (as source)."""
    positional, _, named = f"{signature}, ".partition("*, ")
    return [p for p in positional.split(", ") if p], dict(p.split("=", 1) for p in named.split(", ") if p)


def test_options_have_the_promised_names_and_defaults() -> None:
    options = ClientOptions()
    assert {name: getattr(options, name) for name in DEFAULTS} == DEFAULTS
    assert dataclasses.is_dataclass(TlsOptions)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.dial_timeout = 1.0  # type: ignore[misc]  # the point of the test
    with pytest.raises(errors.ConfigError):
        ClientOptions(endpoints=())


@pytest.mark.parametrize("path", SIGNATURES)
async def test_calls_take_the_promised_arguments(path: str, unused_endpoint: str) -> None:
    async with connect(ClientOptions(endpoints=(unused_endpoint,))) as client:
        given = inspect.signature(found(client, path)).parameters.values()
    positional, named = parts(SIGNATURES[path])
    kinds = inspect.Parameter
    shown = [
        p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in given if p.kind is not p.KEYWORD_ONLY
    ]
    assert shown[: len(positional)] == positional
    rest = {p.name: repr(p.default) for p in given}
    assert all(p.default is not kinds.empty for p in given if p.kind is p.KEYWORD_ONLY)
    assert {name: rest.get(name) for name in named} == named


FACES = ("kv", "lease", "cluster", "maintenance", "auth", "concurrency", "concurrency.locks", "concurrency.elections")
CLASSES = (Session, Mutex, Election)
ENDLESS = {
    "Election.observe": "ends with its reader",
    "Session.orphan": "asks no server",
    "Session.withdrawn": "waits for what has a limit of its own",
    "LeaseClient.keep_alive": "ends with its reader",
    "LeaseClient.aclose": "asks no server",
    "Client.aclose": "asks no server",
}


def calls(kind: type) -> list[str]:
    """Public methods that ask a server: coroutines, generators, and what is entered."""
    asking = (AsyncIterator, AsyncGenerator, Watcher, KeepAlive)
    found = []
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        answer = get_type_hints(method).get("return")
        kinds = (inspect.iscoroutinefunction(method), inspect.isasyncgenfunction(method))
        if not name.startswith("_") and (any(kinds) or get_origin(answer) in asking or answer in asking):
            found.append(name)
    return found


async def test_every_call_takes_a_timeout(unused_endpoint: str) -> None:
    """The calls of auth and the snapshots had none."""
    async with connect(ClientOptions(endpoints=(unused_endpoint,))) as client:
        kinds = {type(found(client, face)) for face in FACES} | {Client, WatchHub} | set(CLASSES)
    all_calls = {f"{kind.__name__}.{name}": getattr(kind, name) for kind in kinds for name in calls(kind)}
    assert len(all_calls) > 60 and set(ENDLESS) < set(all_calls)
    without = {name for name, call in all_calls.items() if "timeout" not in inspect.signature(call).parameters}
    assert without - {"WatchHub.aclose", "Client.open"} == set(ENDLESS)


def classes_in(hint: object) -> set[type]:
    """Classes of ours that a type hint names, however deep."""
    inner = set().union(*map(classes_in, get_args(hint)), set())
    if isinstance(hint, type) and hint.__module__.startswith(("etcdtui.client", "etcdtui.core")):
        inner.add(hint)
    return inner


async def test_whatever_a_caller_meets_can_be_imported_from_the_package(unused_endpoint: str) -> None:
    """``KeyValue``, ``Event``, ``WatchBatch``, ``Watcher`` and others could not; internals still cannot."""
    async with connect(ClientOptions(endpoints=(unused_endpoint,))) as client:
        seen = {type(found(client, face)) for face in FACES} | {Client, ClientOptions, TlsOptions, Compare, Op}
    seen |= {Watcher, WatchBatch, Event, EventType, Member, Alarm, WriteIntent, *CLASSES}
    todo = list(seen)
    while todo:
        kind = todo.pop()
        fields = get_type_hints(kind).items() if dataclasses.is_dataclass(kind) else ()
        hints = [hint for name, hint in fields if not name.startswith("_")]
        for name, member in inspect.getmembers(kind):
            method = member.fget if isinstance(member, property) else member
            if not name.startswith("_") and inspect.isfunction(method):
                hints += get_type_hints(method).values()
        fresh = set().union(*map(classes_in, hints), set()) - seen
        seen |= fresh
        todo += fresh
    missing = {kind.__name__ for kind in seen if getattr(package, kind.__name__, None) is not kind}
    missing -= set(vars(errors))
    assert not missing
    assert len(seen) > 50
    assert sorted(package.__all__) == sorted(set(package.__all__))
    assert all(hasattr(package, name) for name in package.__all__) and not hasattr(package, "quiet")


@pytest.mark.matrix
async def test_every_result_carries_the_header(client: Client, etcd: Server) -> None:
    lease = await client.lease.grant(60)
    await client.kv.put("k", "v", lease=lease.id)
    await client.auth.role_add("r")
    await client.auth.user_add("u", "p")
    permission = Permission(PermissionType.READ, b"a", b"b")
    written = (await client.kv.put("k", "w")).header
    assert written is not None
    results: list[Any] = [
        await client.kv.get("k"),
        await client.kv.put("k", "w", lease=lease.id),
        await client.kv.txn(success=[Op.get("k")]),
        await client.kv.delete("nothing"),
        lease,
        await client.lease.time_to_live(lease.id, keys=True),
        await client.lease.leases(),
        await client.lease.revoke(lease.id),
        await client.cluster.members(),
        await client.maintenance.status(),
        await client.maintenance.status(etcd.endpoint),
        await client.maintenance.hash_kv(etcd.endpoint),
        await client.auth.role_grant_permission("r", permission),
        await client.auth.role_get("r"),
        await client.auth.roles(),
        await client.auth.user_grant_role("u", "r"),
        await client.auth.user_get("u"),
        await client.auth.users(),
        await client.kv.compact(written.revision),
    ]
    for result in results:
        assert result.header is not None and result.header.cluster_id and result.header.member_id, result
        if not isinstance(result, tuple):
            with pytest.raises(dataclasses.FrozenInstanceError):
                result.header = None


async def test_text_is_taken_wherever_bytes_are(client: Client) -> None:
    await client.kv.put("é", "ü")
    assert (await client.kv.get("é".encode())).kvs[0].value == "ü".encode()
    assert (await client.kv.get("a", range_end="ÿ")).count == 1
    assert [page.count async for page in client.kv.pages("é", prefix=True, page_size=1)] == [1]
    done = await client.kv.txn([Compare.value("é", "=", "ü")], [Op.put("b", "1")], [Op.delete("é")])
    assert done.succeeded
    assert (await client.kv.delete("a", range_end="z")).deleted == 1
    async with client.watch("é") as watcher:
        await client.kv.put("é", "2")
        assert (await anext(watcher)).events[0].kv.key == "é".encode()


MISTAKES: dict[str, Callable[[Client], Any]] = {
    "prefix with from_key": lambda c: c.kv.get("k", prefix=True, from_key=True),
    "prefix with range_end": lambda c: c.kv.delete("k", prefix=True, range_end="l"),
    "a negative limit": lambda c: c.kv.get("k", limit=-1),
    "an unknown sort target": lambda c: c.kv.get("k", sort_target="colour", sort_order="ascend"),
    "a sort target out of range": lambda c: c.kv.get("k", sort_target=9, sort_order=1),
    "a page of nothing": lambda c: c.kv.pages("k", page_size=0),
    "a lease ID too large": lambda c: c.kv.put("k", "v", lease=2**63),
    "a compaction at 0": lambda c: c.kv.compact(0),
    "a lease on a delete": lambda c: Op.delete("k", lease=1),
    "a limit on a put": lambda c: Op.put("k", "v", limit=1),
    "an unknown operator": lambda c: Compare.version("k", "~", 1),  # type: ignore[arg-type]  # the mistake
    "a text as operation": lambda c: c.kv.txn(success=["get k"]),  # type: ignore[list-item]  # the mistake
    "a TTL that is no whole number": lambda c: c.lease.grant(1.5),  # type: ignore[arg-type]  # the mistake
    "a TTL too large to send": lambda c: c.lease.grant(2**70),
    "a lease ID that is none": lambda c: c.lease.keep_alive("7"),  # type: ignore[arg-type]  # the mistake
    "a negative start revision": lambda c: c.watch("k", start_revision=-1),
    "no peer URL": lambda c: c.cluster.add([]),
    "a peer URL with a path": lambda c: c.cluster.add(["http://h:1/x"]),
    "member 0": lambda c: c.cluster.remove(0),
    "an unknown alarm": lambda c: c.maintenance.disarm(1, "FIRE"),
    "an unknown downgrade action": lambda c: c.maintenance.downgrade("jump"),
    "an empty user name": lambda c: c.auth.user_delete(""),
    "a permission that ends before it begins": lambda c: c.auth.role_revoke_permission("r", "b", "a"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_a_value_error_and_nothing_is_sent(mistake: str, unused_endpoint: str) -> None:
    """Nothing listens there: anything sent would be another error."""
    async with connect(ClientOptions(endpoints=(unused_endpoint,))) as client:
        with pytest.raises(ValueError):
            made = MISTAKES[mistake](client)
            if inspect.isawaitable(made):
                await made


def test_the_tree_of_errors() -> None:
    for parent, names in TREE.items():
        for name in names.split():
            assert issubclass(getattr(errors, name), parent), name


def test_every_error_has_its_attributes_and_is_a_sentence() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EtcdError)]
    assert len(kinds) > 40
    for kind in kinds:
        error = kind("what happened", endpoint="host:2379")
        assert (error.message, error.endpoint, error.code) == ("what happened", "host:2379", "")
        assert error.applied in ("no", "maybe") and error.retryable in (True, False)
        text = str(error)
        assert "what happened" in text and "host:2379" in text and text.endswith("."), text
        assert kind("").message and str(kind("")).endswith(".")
    assert errors.Compacted("", compact_revision=7).compact_revision == 7


async def test_an_error_tells_where_it_happened(unused_endpoint: str) -> None:
    async with connect(ClientOptions(endpoints=(unused_endpoint,), command_timeout=0.3)) as client:
        for call, applied in ((client.kv.get("k"), "no"), (client.kv.put("k", "v"), "no")):
            with pytest.raises(errors.EtcdError) as caught:
                await call
            assert caught.value.applied == applied
            assert unused_endpoint in str(caught.value)
