"""The members asked over HTTP: ``/metrics``, ``/version``, ``/health``, ``/readyz`` and the server's clock.

Each member is asked apart, within a limit of its own: one that is missing, frozen or behind a wall costs the others
nothing, and has its reason. Metrics are matched to members by the ID in them, never by address.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from etcdtui.client import ClientOptions
from etcdtui.client.http import Certificate, HttpAnswer, HttpSide
from etcdtui.core.errors import EtcdError
from etcdtui.core.value import Value
from etcdtui.services.cluster.metrics import MemberMetrics, Scrape, read_scrape

HTTP_DEADLINE = 3.0
"""Seconds one member has for one answer over HTTP."""
FACTS_EVERY = 60.0
"""Seconds between two readings of version, health and clock."""
SOON = 4.0
"""Seconds to the second scrape, so that there are figures of now early; then as often as the profile says."""
KUBEADM_PORT = 2381
"""Where kubeadm and many others serve metrics without TLS."""
NOT_ETCD = "no etcd member answers there (a proxy, or something else)"


class Target(Value):
    """A member and the endpoint at which it is asked; ``member_id`` 0 where it is not known who answers there."""

    member_id: int
    endpoint: str


class HttpFacts(Value):
    """What a member says of itself over HTTP. ``skew`` are the seconds, from and to, by which its clock is ahead of
    ours, ``None`` when not told; ``not_ready`` the failing parts of ``/readyz``; ``why`` the reason for nothing."""

    why: str = ""
    server_version: str = ""
    cluster_version: str = ""
    healthy: bool | None = None
    reason: str = ""
    ready: bool | None = None
    not_ready: tuple[str, ...] = ()
    skew: tuple[float, float] | None = None
    certificate: Certificate | None = None
    certificate_why: str = ""
    at: float = 0.0

    @property
    def least_skew(self) -> float | None:
        """The smallest difference of the clocks, in seconds, that fits what was told."""
        if self.skew is None:
            return None
        low, high = self.skew
        return low if low > 0 else high if high < 0 else 0.0


class Scraper:
    """Reads what is due of the members it is given, and keeps the last of it.

    ``urls`` are the profile's; ``None`` means: where each member is asked, then port 2381 of that host.
    """

    def __init__(
        self,
        options: ClientOptions,
        *,
        urls: Sequence[str] | None = None,
        every: float = 15.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.http = HttpSide(options)
        self.metrics: dict[str, MemberMetrics] = {}
        self.facts: dict[str, HttpFacts] = {}
        self.problems: dict[str, str] = {}
        """Why a URL of the profile gave nothing, by URL."""
        self.own_certificate: Certificate | None = None
        self.rounds = 0
        """Completed rounds of metrics."""
        self._urls = tuple(urls) if urls is not None else None
        self.every = every
        self._now = now
        self._works: dict[str, str] = {}
        self._busy: set[str] = set()
        self._scraped_at = float("-inf")
        self._facts_at = float("-inf")

    async def refresh(self, targets: Sequence[Target], *, fresh: bool = False) -> None:
        """Read whatever is due (``fresh``: metrics in any case); returns when the slowest has answered or is late."""
        now = self._now()
        known = {target.endpoint for target in targets}
        for gone in set(self.metrics) - known:
            del self.metrics[gone]
        for gone in set(self.facts) - known:
            del self.facts[gone]
        pause = min(self.every, SOON) if self.rounds < 2 else self.every
        work: list[Coroutine[None, None, None]] = []
        scrapes = self.every > 0 and (fresh or now - self._scraped_at >= pause)
        if scrapes:
            self._scraped_at = now
            work += self._scrapes(targets)
        if now - self._facts_at >= FACTS_EVERY:
            self._facts_at = now
            work += [self._read_facts(target) for target in targets]
            work.append(self._read_own())
        if work:
            await asyncio.gather(*work)
        self.rounds += scrapes

    async def aclose(self) -> None:
        await self.http.aclose()

    def of(self, endpoint: str) -> MemberMetrics:
        """The metrics of the member behind an endpoint, or the reason why there are none."""
        if not endpoint:
            return MemberMetrics(why="not reachable from here")
        if endpoint in self.metrics:
            return self.metrics[endpoint]
        return MemberMetrics(why="not read yet" if self.every > 0 else "off in the profile (metrics.every: 0)")

    # --- metrics -----------------------------------------------------------------------------------------

    def _scrapes(self, targets: Sequence[Target]) -> list[Coroutine[None, None, None]]:
        if self._urls is None:
            return [self._alone(target.endpoint, self._scrape(target)) for target in targets]
        return [self._listed(self._urls, targets)]

    async def _listed(self, urls: Iterable[str], targets: Sequence[Target]) -> None:
        """The profile names the URLs: each is asked, and its member is told by the answer."""
        wanted = {target.member_id: target.endpoint for target in targets if target.member_id}
        found: set[str] = set()

        async def one(url: str) -> None:
            try:
                scrape = await self._read(url)
            except (EtcdError, ValueError) as error:
                self.problems[url] = _why(error)
                return
            endpoint = wanted.get(scrape.member_id)
            if endpoint is None:
                self.problems[url] = "it is not a member of this cluster" if scrape.member_id else NOT_ETCD
                return
            self.problems.pop(url, None)
            self.metrics[endpoint] = self.of(endpoint).with_scrape(scrape, url)
            found.add(endpoint)

        await asyncio.gather(*(self._alone(url, one(url)) for url in urls))
        for missing in {target.endpoint for target in targets} - found:
            why = "; ".join(f"{url}: {text}" for url, text in self.problems.items())
            self.metrics[missing] = self.of(missing).without(why or "no URL of metrics.urls leads to it")

    async def _scrape(self, target: Target) -> None:
        """One member where it is asked, then where metrics often are; what worked is tried first the next time."""
        before = self.of(target.endpoint)
        first = self._works.get(target.endpoint)
        places = [first] if first else []
        places += [place for place in _places(target.endpoint) if place != first]
        whys = []
        for place in places:
            try:
                scrape = await self._read(place)
            except (EtcdError, ValueError) as error:
                whys.append(_why(error))
                continue
            if not scrape.member_id or target.member_id not in (0, scrape.member_id):
                whys.append("another member answers there" if scrape.member_id else NOT_ETCD)
                continue
            self._works[target.endpoint] = place
            self.metrics[target.endpoint] = before.with_scrape(scrape, place)
            return
        self._works.pop(target.endpoint, None)
        self.metrics[target.endpoint] = before.without(whys[0])

    async def _read(self, url: str) -> Scrape:
        path = urlsplit(url).path if url.startswith(("http://", "https://")) else ""
        answer = await self.http.get(url, path if path not in ("", "/") else "/metrics", timeout=HTTP_DEADLINE)
        if answer.status != 200:
            raise ValueError(f"/metrics answers {answer.status}")
        return await asyncio.to_thread(read_scrape, answer.text, answer.ended)

    # --- version, health, clock --------------------------------------------------------------------------

    async def _read_facts(self, target: Target) -> None:
        async def ask(path: str) -> HttpAnswer | EtcdError:
            try:
                return await self.http.get(target.endpoint, path, timeout=HTTP_DEADLINE)
            except EtcdError as error:
                return error

        version, health, ready = await asyncio.gather(ask("/version"), ask("/health"), ask("/readyz?verbose"))
        if isinstance(version, EtcdError):
            self.facts[target.endpoint] = HttpFacts(_why(version), at=self._now())
            return
        certificate, why = None, ""
        try:
            certificate = await self.http.certificate(target.endpoint, timeout=HTTP_DEADLINE)
        except EtcdError as error:
            why = _why(error)
        told, well = _json(version), _json(health)
        is_ready = isinstance(ready, HttpAnswer) and ready.status != 404
        self.facts[target.endpoint] = HttpFacts(
            server_version=str(told.get("etcdserver", "")),
            cluster_version=str(told.get("etcdcluster", "")),
            healthy=well["health"] == "true" if "health" in well else None,
            reason=_why(health) if isinstance(health, EtcdError) else str(well.get("reason", "")),
            ready=ready.status == 200 if isinstance(ready, HttpAnswer) and is_ready else None,
            not_ready=tuple(re.findall(r"^\[-\](\S+)", ready.text, re.MULTILINE))
            if isinstance(ready, HttpAnswer)
            else (),
            skew=_skew(version),
            certificate=certificate,
            certificate_why=why,
            at=self._now(),
        )

    async def _read_own(self) -> None:
        try:
            self.own_certificate = await asyncio.to_thread(self.http.own_certificate)
        except EtcdError:
            self.own_certificate = None

    # --- each one apart ----------------------------------------------------------------------------------

    async def _alone(self, key: str, work: Coroutine[None, None, None]) -> None:
        """Not while the last question to the same member is still open."""
        if key in self._busy:
            work.close()
            return
        self._busy.add(key)
        try:
            await work
        finally:
            self._busy.discard(key)


def _places(endpoint: str) -> list[str]:
    """Where one member's metrics may be, likeliest first."""
    places = [endpoint]
    host = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").hostname
    if host and not endpoint.startswith(("unix:", "unixs:")):
        places.append(f"http://{f'[{host}]' if ':' in host else host}:{KUBEADM_PORT}")
    return places


def _why(error: Exception) -> str:
    return error.message if isinstance(error, EtcdError) else str(error)


def _json(answer: HttpAnswer | EtcdError) -> dict[str, object]:
    if isinstance(answer, EtcdError):
        return {}
    try:
        told = json.loads(answer.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _skew(answer: HttpAnswer) -> tuple[float, float] | None:
    """How far ahead the server's clock is, from and to: HTTP tells whole seconds, and the way there takes its time."""
    try:
        told = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return None
    return told - answer.ended, told + 1 - answer.began
