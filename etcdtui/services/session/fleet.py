"""How all profiles are at this moment: each asked once, all at the same time, nobody logged in for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from etcdtui.client import Client
from etcdtui.config.schema import Profile
from etcdtui.core.errors import EtcdError
from etcdtui.core.tasks import awaited
from etcdtui.core.value import Value
from etcdtui.services import session as own
from etcdtui.services.cluster.health import ClusterHealth, HealthMonitor, State
from etcdtui.services.session.session import Credentials, options_of

AT_ONCE = 16
"""Profiles that are asked at the same time."""


class Ping(Value):
    """What came of one profile: a few ``words``, good or not, and what its members told."""

    words: str
    good: bool = False
    leader: str = ""
    revision: int = 0
    version: str = ""
    alarms: tuple[str, ...] = ()


def ping_of(health: ClusterHealth) -> Ping:
    """The words for a health: ``3/3 up``, ``login wanted``, ``connection refused``."""
    count = f"{health.members_up}/{health.members_total} up"
    if not health.answering:
        errors = [one.error for one in health.endpoints if one.error is not None]
        return Ping(own.dialing.plain_words(errors[0]) if errors else "no answer")
    if health.mismatch:
        return Ping("two clusters")
    words = {State.NO_LEADER: "NO LEADER", State.LOGIN: f"{count}, login", State.RESTRICTED: f"{count}, login"}
    good = health.members_up == health.members_total and not health.alarms and health.state is not State.NO_LEADER
    told = words.get(health.state, count)
    return Ping(told, good, health.leader_name, health.revision, health.version, health.alarms)


async def ping(profile: Profile) -> Ping:
    """Ask the members of a profile for their status; never raises for what comes of it."""
    if profile.ssh or profile.kubernetes.is_given:
        return Ping("by a tunnel: enter")
    try:
        if profile.discovery_srv:
            profile = await own.discovery.discovered(profile)
        client = await Client.open(options_of(profile, Credentials()))
    except EtcdError as error:
        return Ping(error.message)
    try:
        return ping_of(await HealthMonitor(client).poll())
    finally:
        await client.aclose()


async def ping_all(profiles: Sequence[Profile]) -> AsyncGenerator[tuple[str, Ping], None]:
    """The name of each profile and what came of it, as they become known."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(profile: Profile) -> tuple[str, Ping]:
        async with limit:
            return profile.name, await ping(profile)

    tasks = [awaited(one(profile), f"ping {profile.name}") for profile in profiles]
    try:
        for answer in asyncio.as_completed(tasks):
            yield await answer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
