"""The tree of keys without a terminal, on a real server, with everything it told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from etcdtui.config.schema import ENVIRONMENTS, Auth, Profile
from etcdtui.config.secrets import Secret
from etcdtui.core.keytree import Level, Row, State
from etcdtui.core.ranges import prefix_range
from etcdtui.core.types import Permission, PermissionType
from etcdtui.services.reads import roots
from etcdtui.services.reads.roots import Start
from etcdtui.services.session.session import Credentials, Session
from etcdtui.services.tree import news
from etcdtui.services.tree.browser import Browser
from etcdtui.services.tree.navigation import Found
from tests.services.looking_support import fill, reading
from tests.support import Server


class Tasks:
    """Starts work as the screen does; a fault in it fails the test."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}
        self._started: list[asyncio.Task[None]] = []

    def __call__(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        if (before := self._running.get(name)) is not None:
            before.cancel()

        async def run() -> None:
            await work()

        task = self._running[name] = asyncio.create_task(run(), name=name)
        self._started.append(task)
        return task

    async def end(self) -> None:
        started, self._started = self._started, []
        for task in started:
            task.cancel()
        for result in await asyncio.gather(*started, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


class Browsing:
    """A browser and what it told; ``shown`` are the rows on an imaginary screen, all of them unless it is set."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.told: list[news.News] = []
        self.tasks = Tasks()
        self.shown: Iterable[Row] | None = None
        self.browser = Browser(session, self.told.append, self.tasks, on_screen=self._on_screen)

    def _on_screen(self) -> Iterable[Row]:
        if self.shown is not None:
            return self.shown
        tree = self.browser.tree
        return [tree.row(at) for at in range(tree.size)]

    @property
    def said(self) -> list[str]:
        return [one.words for one in self.told if isinstance(one, news.Said)]

    def rows(self) -> dict[bytes, int]:
        """What is shown, by path, with the keys below a folder."""
        tree = self.browser.tree
        rows = [tree.row(at) for at in range(tree.size)]
        return {row.path: row.count for row in rows if not row.is_note}

    def level(self, prefix: bytes) -> Level:
        return next(level for level in self.browser.tree.root.walk() if level.prefix == prefix)

    async def start(self) -> Start:
        """Where the user may look, as the screen asks for it."""
        start = await roots.start_of(self.session.client, self.session.profile.auth.user or "")
        if start.roots:
            self.browser.tree.start_at(start.roots)
        return start

    async def open(self, *prefixes: bytes) -> Level:
        """The root, then the levels of some folders, read to their end; the last of them."""
        loader, level = self.browser.loader, self.browser.tree.root
        if level.state is State.NEW:
            loader.load(level)
        await loader.listed(level)
        for prefix in prefixes:
            found = await self.browser.navigation.go(prefix)
            assert isinstance(found, Found) and found.below is not None
            level = found.below
            await loader.listed(level)
        assert level.state is State.READY
        return level


def profile_of(server: Server, **changes: object) -> Profile:
    plain = Profile(
        name="here", environment="dev", env=ENVIRONMENTS["dev"], read_only=False, endpoints=server.endpoints
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the tests name fields of Profile


async def filled(server: Server, keys: Iterable[bytes], value: bytes = b"v") -> None:
    """Keys put by somebody else."""
    async with reading(server.endpoint) as reads:
        await fill(reads.client, keys, value)


async def limited_user(server: Server) -> tuple[Profile, Credentials]:
    """Bob, who may read three odd ranges and write a fourth; the server is the test's own."""
    async with reading(server.endpoint) as reads:
        auth = reads.client.auth
        keys = [b"/app/a/1", b"/apple", b"/odd/a", b"/odd/b1", b"/odd/k/1", b"/odd/z", b"/one", b"/x"]
        await fill(reads.client, keys)
        await auth.user_add("root", "rpw")
        await auth.role_add("root")
        await auth.user_grant_role("root", "root")
        await auth.role_add("odd")
        for permission in (
            Permission(PermissionType.READ, *prefix_range(b"/app")),
            Permission(PermissionType.READ, b"/odd/b", b"/odd/m"),
            Permission(PermissionType.READ, b"/one"),
            Permission(PermissionType.WRITE, *prefix_range(b"/drop/")),
        ):
            await auth.role_grant_permission("odd", permission)
        await auth.user_add("bob", "bpw")
        await auth.user_grant_role("bob", "odd")
        await auth.enable()
    return profile_of(server, auth=Auth(user="bob")), Credentials(user="bob", password=Secret("bpw"))


@asynccontextmanager
async def browsing(
    profile: Profile,
    credentials: Credentials = Credentials(),  # noqa: B008
) -> AsyncIterator[Browsing]:
    session = await Session.open(profile, credentials=credentials)
    one = Browsing(session)
    try:
        yield one
        await one.tasks.end()
    finally:
        await session.aclose()
