"""Nobody is locked out: what is looked at, made and tried around switching authentication on.

A server authenticates nobody while authentication is off, so a password cannot be tried before (``CheckPassword`` of
etcd 3.4 to 3.7 refuses first of all), and a user that was made without a password keeps none when one is set. So root
is made anew with the password just typed, which then is known to be its password; and it is logged in with right after.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from etcdtui.client import Client, ClientOptions, _certificates, connect
from etcdtui.config.schema import Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.errors import AuthNotEnabled, EtcdError, WriteRefused
from etcdtui.core.types import User
from etcdtui.core.value import record
from etcdtui.services.cluster.access import ROOT, auth_is_on

WAY_BACK = "etcdctl --user root auth disable"
OFF = "authentication is off: no login can be tried"
SPREADS_FOR, SPREADS_PAUSE = 5.0, 0.1
"""Seconds until every member has heard that authentication is on, and between two looks."""
_COMMON_NAME = re.compile(r"(?:^|,)CN=((?:[^,\\]|\\.)*)")


def strangers(profiles: Iterable[Profile], here: Profile) -> tuple[str, ...]:
    """The profiles of the same endpoints that could not come in any more: no user, token or client certificate."""
    same = set(here.endpoints)
    found = [
        one.name
        for one in (*profiles, here)
        if same & set(one.endpoints)
        and not (one.auth.user or one.auth.jwt_token_file or one.auth.jwt_token or one.tls.cert)
    ]
    return tuple(dict.fromkeys(found))


@record()
class Tried:
    """What came of logging in as somebody: ``ok``, or ``words`` why not. ``off``: authentication is, so nobody can."""

    ok: bool
    words: str
    off: bool = False


async def log_in(client: Client, user: str, password: Secret) -> Tried:
    """Log in beside the client, over a connection of its own, and read the own entry with what that gave."""
    options = replace(client.options, username=user, password=password.reveal(), token=None, auto_sync_interval=0.0)
    try:
        async with connect(options) as other:
            me = await other.auth.user_get(user)
            if await auth_is_on(other) is False:  # then servers answer whoever asks
                return Tried(False, OFF, off=True)
    except AuthNotEnabled:
        return Tried(False, OFF, off=True)
    except EtcdError as error:
        return Tried(False, f"{error.title}: {error.message}")
    return Tried(True, f"roles: {', '.join(me.roles) or 'none'}")


def certificate_user(options: ClientOptions) -> str:
    """The user that the client certificate stands for where the servers ask for one; empty without a certificate."""
    tls = options.tls
    if tls is None:
        return ""
    try:
        pem = tls.cert if tls.cert is not None else Path(tls.cert_file).read_bytes() if tls.cert_file else b""
        subject = _certificates.subject_and_end(pem)[0] if pem else ""
    except (OSError, ValueError):
        return ""
    found = _COMMON_NAME.search(subject)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else ""


async def enable(client: Client, root: User | None, password: Secret | None) -> Tried:
    """Make root anew with ``password`` (``None`` leaves it as it is, for a certificate's sake), switch on, log in.

    Raises ``EtcdError``; what was done until then stands in its message.
    """
    done: list[str] = []
    try:
        if password is not None:
            await _make_root(client, root, password, done)
        now = await client.auth.user_get(ROOT)
        if ROOT not in now.roles:
            raise WriteRefused("the user root does not have the role root: authentication stays off")
        await client.auth.enable()
    except EtcdError as error:
        if done:
            error.message = f"{'; '.join(done)}; then: {error.message}"
        raise
    if password is not None:
        tried = await log_in(client, ROOT, password)
        until = time.monotonic() + SPREADS_FOR
        while tried.off and time.monotonic() < until:
            await asyncio.sleep(SPREADS_PAUSE)
            tried = await log_in(client, ROOT, password)
        return tried
    try:
        await client.auth.user_get(ROOT)
    except EtcdError as error:
        return Tried(False, f"{error.title}: {error.message}")
    return Tried(True, "the client certificate is let in")


async def _make_root(client: Client, root: User | None, password: Secret, done: list[str]) -> None:
    roles: Sequence[str] = root.roles if root is not None else ()
    if root is not None:
        await client.auth.user_delete(ROOT)
        done.append("the user root was deleted to be made anew")
    await client.auth.user_add(ROOT, password.reveal())
    done.append("the user root was made with the password that was typed")
    for role in dict.fromkeys((ROOT, *roles)):
        await client.auth.user_grant_role(ROOT, role)
