"""Every change as the etcdctl command that would do the same, quoted for a shell, binary keys too.

Keys are given as the program shows them; ``namespace`` is what the profile puts before them, and the commands hold the
whole names, since etcdctl knows no namespaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etcdtui.core.quoting import fits_argument, shell_quote, shell_words
from etcdtui.core.ranges import ALL, FROM_KEY, below, prefix_range
from etcdtui.core.steps import Step
from etcdtui.core.txn_text import CompareSpec, OpSpec, TxnSpec, txn_text

SHOWN_BYTES = 64 * 1024
"""Values above this are not spelled out in a command to copy."""


def get_command(key: bytes, end: bytes = b"", revision: int = 0, *, namespace: bytes = b"") -> str:
    return _ranged("get", *_whole(namespace, key, end)) + (f" --rev={revision}" if revision else "")


def del_command(key: bytes, end: bytes = b"", *, namespace: bytes = b"") -> str:
    return _ranged("del", *_whole(namespace, key, end))


def watch_command(key: bytes, end: bytes = b"", *, namespace: bytes = b"") -> str:
    key, end = _whole(namespace, key, end)
    if end == FROM_KEY:
        return (
            "etcdctl watch --prev-kv --prefix ''"
            if key == b"\0"
            else f"etcdctl watch --prev-kv --from-key {quote(key)}"
        )
    if end and prefix_range(key) == (key, end):
        return f"etcdctl watch --prev-kv --prefix {quote(key)}"
    return f"etcdctl watch --prev-kv {quote(key)}{f' {quote(end)}' if end else ''}"


def _whole(namespace: bytes, key: bytes, end: bytes) -> tuple[bytes, bytes]:
    """The range by the names etcdctl knows; everything in a namespace is its prefix."""
    if not namespace:
        return key, end
    return prefix_range(namespace) if (key, end) == ALL else below(namespace, key, end)


def _ranged(verb: str, key: bytes, end: bytes) -> str:
    if not (fits_argument(key) or end) or not fits_argument(end.rstrip(b"\0")):
        return txn_command(TxnSpec(success=(OpSpec("del" if verb == "del" else "get", key, end),)))
    if (key, end) == (b"\0", FROM_KEY):
        return f"etcdctl {verb} '' --prefix"
    if not fits_argument(key):
        return txn_command(TxnSpec(success=(OpSpec("del" if verb == "del" else "get", key, end),)))
    if end == FROM_KEY:
        return f"etcdctl {verb} --from-key {shell_words(key)}"
    if end and prefix_range(key) == (key, end):
        return f"etcdctl {verb} --prefix {shell_words(key)}"
    return f"etcdctl {verb} {shell_words(key, end) if end else shell_words(key)}"


def put_command(key: bytes, value: bytes, lease: int = 0, *, namespace: bytes = b"") -> str:
    key = namespace + key
    if not fits_argument(key) or not fits_argument(value):
        return txn_command(TxnSpec(success=(OpSpec("put", key, value=value, lease=lease),)))
    flag = f" --lease={lease:x}" if lease else ""
    return f"etcdctl put{flag} {shell_words(key, value)}"


def txn_command(spec: TxnSpec, *, namespace: bytes = b"") -> str:
    """A here-document: any byte can be written in it, and no shell expands it."""
    if namespace:
        spec = _in_store(spec, namespace)
    return f"etcdctl txn <<'EOF'\n{txn_text(spec)}EOF"


def _in_store(spec: TxnSpec, namespace: bytes) -> TxnSpec:
    """The same transaction by the names etcdctl knows."""

    def ops(of: tuple[OpSpec, ...]) -> tuple[OpSpec, ...]:
        found = []
        for op in of:
            key, end = _whole(namespace, op.key, op.end)
            found.append(replace(op, key=key, end=end))
        return tuple(found)

    compares = tuple(replace(compare, key=namespace + compare.key) for compare in spec.compares)
    return TxnSpec(compares, ops(spec.success), ops(spec.failure))


def spec_of(steps: Sequence[Step]) -> TxnSpec:
    """Guarded steps as the transaction that is sent, without its else part."""
    compares = tuple(
        CompareSpec("mod" if s.before else "create", s.key, "=", s.expected if s.before else 0) for s in steps
    )
    ops = tuple(
        OpSpec("del", s.key)
        if s.value is None
        else OpSpec("put", s.key, value=s.value, lease=0 if s.keep_lease else s.lease, ignore_lease=s.keep_lease)
        for s in steps
    )
    return TxnSpec(compares, ops)


def steps_command(steps: Sequence[Step], *, namespace: bytes = b"") -> str:
    """One command a transaction; only a count of bytes when the values are too large to copy."""
    if sum(len(s.value or b"") for s in steps) > SHOWN_BYTES or len(steps) > 128:
        return f"# {len(steps)} guarded changes, too large to show as one command"
    return txn_command(spec_of(steps), namespace=namespace)


def quote(data: bytes) -> str:
    """One word for a shell, or its printable escape when a shell cannot hold it."""
    return shell_quote(data) if fits_argument(data) else repr(data)[1:]
