"""The first thing that people see of a cluster, asked for as soon as its session stands.

Building a screen takes longer than most answers do; so they travel meanwhile.
"""

from __future__ import annotations

from etcdtui.config.schema import Profile
from etcdtui.core.tasks import awaited
from etcdtui.services.reads import roots
from etcdtui.services.reads.browse import Listing
from etcdtui.services.reads.reading import Reads
from etcdtui.services.reads.roots import Start


class FirstLook:
    """Where the tree of keys starts, and its first level when that is the whole store. ``close`` what is not used."""

    def __init__(self, reads: Reads, profile: Profile, separators: tuple[bytes, ...]) -> None:
        self._reads = reads
        self._profile = profile
        self._separators = separators
        self._listing: Listing | None = None
        self._start = awaited(self._look(), "first look")

    async def _look(self) -> Start:
        profile = self._profile
        given = tuple(text.encode() for text in profile.start or ())
        start = await roots.start_of(self._reads.client, profile.auth.user or "", given)
        if not start.roots:
            self._listing = Listing(self._reads, b"", self._separators, page_keys=profile.page_size)
            self._listing.begin()
        return start

    async def start(self) -> Start:
        """Where the tree starts. Never raises what a read raises."""
        return await self._start

    def take_listing(self) -> Listing | None:
        """The listing of the root at the newest revision, its first requests sent; once."""
        listing, self._listing = self._listing, None
        return listing

    async def close(self) -> None:
        """Cancel what is in flight."""
        self._start.cancel()
        if (listing := self.take_listing()) is not None:
            await listing.drop()
