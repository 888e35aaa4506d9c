"""What is done to the cluster meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from etcdtui.client import Client, errors
from etcdtui.demo.cluster import Cluster, Member

ALL = ("kill", "kill leader", "stop", "freeze", "freeze leader", "lose quorum", "move leader", "defragment")
WITHOUT_KILLS = ("stop", "freeze", "freeze leader", "freeze two", "move leader", "defragment")
"""For etcd 3.5.0 to 3.5.2, which lose acknowledged writes when killed (issue 13766)."""


class Nemesis:
    """Does one thing after the other; ``log`` says what and when, in seconds since the beginning."""

    def __init__(self, cluster: Cluster, client: Client, draw: random.Random) -> None:
        self.log: list[str] = []
        self._cluster, self._client, self._random = cluster, client, draw
        self._began = time.monotonic()

    async def run(self, faults: Sequence[str], until: float, pause: float = 2.0) -> None:
        """Faults at random until the clock is at ``until``."""
        while time.monotonic() < until:
            await asyncio.sleep(self._random.uniform(0.5, 1.5) * pause)
            await self.do(self._random.choice(faults), self._random.uniform(0.3, 1.0) * pause * 1.5)

    async def do(self, fault: str, seconds: float) -> None:
        """One fault that lasts ``seconds``."""
        members = self._cluster.members
        first = await self._leader() if fault.endswith("leader") else self._random.choice(members)
        second = members[(members.index(first) + 1) % len(members)]
        self._note(f"{fault}: {first.name}")
        match fault:
            case "kill" | "kill leader":
                await self._down(first, first.kill, seconds)
            case "stop":
                await self._down(first, first.stop, seconds)
            case "freeze" | "freeze leader":
                await self._frozen([first], seconds)
            case "freeze two":
                await self._frozen([first, second], seconds)
            case "lose quorum":
                second.pause()
                try:
                    await self._down(first, first.kill, seconds)
                finally:
                    second.resume()
            case "move leader":
                await self._try(self._move())
            case _:
                await self._try(self._client.maintenance.defragment(first.endpoint, timeout=5))
        self._note("over")

    async def heal(self) -> None:
        """All members run and agree on a leader."""
        for member in self._cluster.members:
            if member.running:
                member.resume()
            else:
                member.launch()
        await asyncio.gather(*(member.wait_healthy() for member in self._cluster.members))

    def _note(self, words: str) -> None:
        self.log.append(f"{time.monotonic() - self._began:.1f} {words}")

    async def _down(self, member: Member, end: Callable[[], object], seconds: float) -> None:
        ending = end()
        assert asyncio.iscoroutine(ending)
        await ending
        await asyncio.sleep(seconds)
        member.launch()

    async def _frozen(self, members: Sequence[Member], seconds: float) -> None:
        for member in members:
            member.pause()
        try:
            await asyncio.sleep(seconds)
        finally:
            for member in members:
                member.resume()

    async def _leader(self) -> Member:
        for member in self._cluster.members:
            try:
                if (await self._client.maintenance.status(member.endpoint, timeout=0.5)).is_leader:
                    return member
            except errors.EtcdError:
                pass
        return self._random.choice(self._cluster.members)

    async def _move(self) -> None:
        members = await self._client.cluster.members(timeout=1)
        await self._client.maintenance.move_leader(self._random.choice(members).id, timeout=3)

    async def _try(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        try:
            await work
        except errors.EtcdError as error:
            self._note(type(error).__name__)
