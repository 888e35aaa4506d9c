"""Where a user may look: the whole store, or the ranges that the user's own roles grant.

Every user may read the own entry and the own roles, on every version, and nobody else's.
"""

from __future__ import annotations

import asyncio

from etcdtui.client import Client
from etcdtui.core import ranges
from etcdtui.core.errors import AuthNotEnabled, EtcdError, PermissionDenied
from etcdtui.core.keytree import Root
from etcdtui.core.safe_text import safe_text
from etcdtui.core.types import Permission, PermissionType
from etcdtui.core.value import Value

ROOT_ROLE = "root"
LABEL = 80


class Start(Value):
    """``roots`` is empty when everything may be read; ``words`` says what a limited user sees and why."""

    roots: tuple[Root, ...] = ()
    words: str = ""


async def start_of(client: Client, user: str, given: tuple[bytes, ...] = ()) -> Start:
    """The start places of ``user`` (empty: nobody is logged in); ``given`` come from the profile and win."""
    namespace = client.options.namespace
    if given:
        return Start(tuple(Root(_text(p), p, ranges.prefix_range(p)) for p in given), "")
    if not user:
        return Start()
    try:
        me = await client.auth.user_get(user)
        if ROOT_ROLE in me.roles:
            return Start()
        roles = await asyncio.gather(*(client.auth.role_get(role) for role in me.roles))
    except (AuthNotEnabled, PermissionDenied):
        return Start()
    except EtcdError as error:
        return Start((), str(error))
    return start_from([permission for role in roles for permission in role.permissions], namespace)


def start_from(permissions: list[Permission], namespace: bytes = b"") -> Start:
    """Readable ranges merged into roots; ranges that may only be written are named, not opened.

    Roles name whole keys; of them only what lies below ``namespace`` is kept, without it.
    """
    read = _granted([p for p in permissions if p.type is not PermissionType.WRITE], namespace)
    write = _granted([p for p in permissions if p.type is PermissionType.WRITE], namespace)
    merged = ranges.merge(read)
    if any(ranges.contains(one, ranges.ALL) for one in merged):
        return Start()
    roots = [_root(one) for one in merged]
    blind = [one for one in ranges.merge(write) if not any(ranges.contains(r, one) for r in merged)]
    roots += [_root(one, "  you may write here but not read") for one in blind]
    names = ", ".join(root.label for root in roots if root.readable) or "nothing"
    return Start(tuple(roots), f"You may read {names} (from your roles). Everything else is hidden from you.")


def _granted(permissions: list[Permission], namespace: bytes) -> list[tuple[bytes, bytes]]:
    parts = [ranges.cut(namespace, p.key or b"\0", p.range_end) for p in permissions]
    return [part for part in parts if part is not None]


def _root(one: tuple[bytes, bytes], unreadable: str = "") -> Root:
    prefix = one[0] if one[1] in (b"", ranges.prefix_end(one[0])) else _base(one)
    return Root(_label(one) + unreadable, prefix, one, not unreadable)


def _label(one: tuple[bytes, bytes]) -> str:
    key, end = one
    if end == b"":
        return _text(key)
    if end == ranges.prefix_end(key) and key != b"\0":
        return _text(key) + ("" if key.endswith(b"/") else "*")
    return f"{_text(key)} .. {'end' if end == ranges.FROM_KEY else _text(end)}"


def _base(one: tuple[bytes, bytes]) -> bytes:
    """The folder that all keys of a range have in common."""
    key, end = one
    if end in (b"", ranges.FROM_KEY):
        return b""
    same = 0
    while same < min(len(key), len(end)) and key[same] == end[same]:
        same += 1
    return key[: key.rfind(b"/", 0, same) + 1]


def _text(key: bytes) -> str:
    return safe_text(key, limit=LABEL).text
