"""One session's Doctor: asks what is due, lets the checks judge, keeps the last report.

Each input is read as often as it changes: reads through the leader and alarms every 4 s, metrics as the profile says,
the rest every minute. Nothing waits longer than its own limit, and no member waits for another.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from etcdtui.client import Client
from etcdtui.config.schema import Profile
from etcdtui.core.errors import (
    EtcdError,
    NotSupported,
    PermissionDenied,
    Unauthenticated,
)
from etcdtui.core.tasks import awaited
from etcdtui.core.types import Alarm
from etcdtui.core.value import Value
from etcdtui.services.cluster.doctor.checks import Streaks, examine
from etcdtui.services.cluster.doctor.inputs import (
    ALARMS,
    HTTP,
    LEASES,
    METRICS,
    READ,
    STATUS,
    Inputs,
    LeaseFacts,
    MemberLook,
    ReadProbe,
)
from etcdtui.services.cluster.doctor.report import Report
from etcdtui.services.cluster.endpoint_health import State
from etcdtui.services.cluster.hashes import HashCheck, check_hashes
from etcdtui.services.cluster.health import HealthMonitor
from etcdtui.services.cluster.metrics import QUOTA, MemberMetrics
from etcdtui.services.cluster.scraping import Scraper, Target
from etcdtui.services.cluster.view import ClusterView, view_of

READ_EVERY = 4.0
"""Seconds; less than a beat of the screen, so that each beat reads again."""
SLOW_EVERY = 60.0
READ_DEADLINE = 2.0
"""Seconds; a read that takes one is critical already."""
ANSWER_DEADLINE = 2.0
LEASES_LOOKED_AT = 100
"""Leases whose keys are asked for, to estimate how many have none."""
MANY = 1_000
"""Leases below which nobody cares how many are empty."""
PARALLEL = 8
NO_LEADER = "not known without a leader"
OLD = 30.0
"""Seconds after which answers are not taken for the present any more."""


class Settings(Value):
    """What the profile says that matters here; ``quota`` in bytes, 0 when it tells none."""

    user: str = ""
    tls: bool = False
    quota: int = 0
    keep_revisions: int = 1000


class Doctor:
    """Made once a session. ``look`` may be called as often as one likes."""

    def __init__(
        self,
        client: Client,
        monitor: HealthMonitor,
        scraper: Scraper,
        settings: Settings,
        *,
        profile: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.report: Report | None = None
        self.inputs: Inputs | None = None
        self.scraper = scraper
        self._client = client
        self._monitor = monitor
        self._settings = settings
        self._profile = profile
        self._now = now
        self._streaks = Streaks()
        self._reads: dict[str, ReadProbe] = {}
        self._alarms: tuple[Alarm, ...] | None = None
        self._alarms_why = "not asked yet"
        self._auth: bool | None = None
        self._auth_why = ""
        self._leases: LeaseFacts | None = None
        self._leases_why = ""
        self._hashes: HashCheck | None = None
        self._hashes_at = 0.0
        self._due: dict[str, float] = {}
        self._read_at: dict[str, float] = {}
        self._rounds: dict[str, int] = {}
        self._looking: asyncio.Task[Report] | None = None

    async def look(self, *, fresh: bool = False) -> Report:
        """Read what is due (``fresh``: all but the slow facts), judge, and return the report; two at a time are one.

        The members' Status is the health monitor's last; whoever has no monitor running polls it first.
        """
        if self._looking is None or self._looking.done():
            self._looking = awaited(self._look(fresh), "doctor")
        return await asyncio.shield(self._looking)

    async def compare_hashes(self) -> HashCheck:
        """Compare the members' hashes; reads all keys of each, so only when somebody wants it."""
        self._hashes = await check_hashes(self._client, self.view)
        self._hashes_at = self._now()
        self.judge()
        return self._hashes

    @property
    def view(self) -> ClusterView:
        """The members side by side, with what was read beside their Status: alarms, and quotas from /metrics."""
        health = self._monitor.health
        quotas = {
            e.member_id: int(quota)
            for e in health.endpoints
            if (quota := self.scraper.of(e.endpoint).value(QUOTA)) is not None
        }
        if self._is_old(ALARMS, self._now()):
            return view_of(health, None, "not asked lately", quotas)
        return view_of(health, self._alarms, self._alarms_why, quotas)

    def judge(self, took: float = 0.0) -> Report:
        """Judge what is known now, without asking anybody."""
        inputs = self.inputs = self._inputs()
        health = self._monitor.health
        self.report = Report(
            examine(inputs, self._streaks), health.cluster_id, health.revision, inputs.at, took, self._profile
        )
        return self.report

    async def aclose(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)  # a scrape that connects closes what it opened
        await self.scraper.aclose()

    async def _look(self, fresh: bool) -> Report:
        started = time.perf_counter()
        rows = [row for row in self.view.rows if row.endpoint and row.up]
        direct = [] if self._monitor.health.proxy else rows
        work: list[Coroutine[None, None, None]] = [
            self._scrape([Target(row.member.id, row.endpoint) for row in direct], fresh)
        ]
        if self._is_due(READ, READ_EVERY, fresh):
            work.append(self._read_through([row.endpoint for row in rows]))
        if self._is_due(ALARMS, READ_EVERY, fresh):
            work.append(self.read_alarms())
        if self._is_due(LEASES, SLOW_EVERY, False):
            work += [self._read_leases(), self._read_auth()]
        await asyncio.gather(*work)
        return self.judge(time.perf_counter() - started)

    def _is_due(self, what: str, every: float, fresh: bool) -> bool:
        if not fresh and self._now() - self._due.get(what, float("-inf")) < every:
            return False
        self._due[what] = self._now()
        return True

    def _inputs(self) -> Inputs:
        view, now = self.view, self._now()
        reads = {} if self._is_old(READ, now) else self._reads
        if self._is_old(ALARMS, now):
            self._alarms, self._alarms_why = None, "not asked lately"
        looks = tuple(
            MemberLook(
                row,
                reads.get(row.endpoint),
                self._metrics_of(row.endpoint, now),
                self.scraper.facts.get(row.endpoint),
            )
            for row in view.rows
        )
        inputs = Inputs(
            at=now,
            view=view,
            looks=looks,
            alarms=self._alarms,
            alarms_why=self._alarms_why,
            auth=self._auth,
            auth_why=self._auth_why,
            user=self._settings.user,
            leases=self._leases,
            leases_why=self._leases_why,
            hashes=self._hashes,
            hashes_at=self._hashes_at,
            own_certificate=self.scraper.own_certificate,
            tls=self._settings.tls,
            tunnel=_all_here(self._client.endpoints),
            quota=self._settings.quota,
            keep_revisions=self._settings.keep_revisions,
            samples=self._monitor.samples,
            rounds={**self._rounds, STATUS: self._monitor.samples.count, METRICS: self.scraper.rounds},
        )
        compacted = inputs.compacted()
        if compacted is not None:
            self._monitor.samples.note_compaction(compacted, view.health.revision, inputs.at)
        return inputs

    # --- asking ------------------------------------------------------------------------------------------

    async def _scrape(self, targets: Sequence[Target], fresh: bool) -> None:
        await self.scraper.refresh(targets, fresh=fresh)
        self._rounds[HTTP] = self.scraper.rounds

    async def _read_through(self, endpoints: Sequence[str]) -> None:
        async def one(endpoint: str) -> ReadProbe:
            started = time.perf_counter()
            try:
                await self._client.maintenance.read_through(endpoint, timeout=READ_DEADLINE)
            except PermissionDenied:
                return ReadProbe(time.perf_counter() - started, "not allowed", proves_leader=True)
            except EtcdError as error:
                late = time.perf_counter() - started > READ_DEADLINE * 0.9
                return ReadProbe(0.0, f"no answer within {READ_DEADLINE:g} s" if late else error.message)
            return ReadProbe(time.perf_counter() - started)

        answers = await asyncio.gather(*(one(endpoint) for endpoint in endpoints))
        self._reads = dict(zip(endpoints, answers, strict=True))
        self._count(READ)

    async def read_alarms(self) -> None:
        if self._monitor.health.state is State.NO_LEADER:
            self._alarms, self._alarms_why = None, NO_LEADER
            return
        try:
            self._alarms = tuple(await self._client.maintenance.alarms(timeout=ANSWER_DEADLINE))
            self._alarms_why = ""
        except EtcdError as error:
            self._alarms, self._alarms_why = None, error.message
        self._count(ALARMS)

    async def _read_auth(self) -> None:
        """Whether authentication is on; old servers do not say, and then a read without a user does."""
        if self._monitor.health.state is State.NO_LEADER:
            return
        self._auth_why = ""
        try:
            async with asyncio.timeout(ANSWER_DEADLINE):
                self._auth = (await self._client.auth.status()).enabled
        except TimeoutError:
            self._auth, self._auth_why = None, f"no answer within {ANSWER_DEADLINE:g} s"
        except (PermissionDenied, Unauthenticated):
            self._auth = True
        except NotSupported:
            await self._guess_auth()
        except EtcdError as error:
            self._auth, self._auth_why = None, error.message

    async def _guess_auth(self) -> None:
        options = self._client.options
        if options.username or options.token:
            self._auth, self._auth_why = None, "etcd 3.4 does not tell"
            return
        try:
            await self._client.kv.get(b"\0", serializable=True, count_only=True, timeout=ANSWER_DEADLINE)
            self._auth = False
        except (Unauthenticated, PermissionDenied):
            self._auth = True
        except EtcdError as error:
            self._auth, self._auth_why = None, error.message

    async def _read_leases(self) -> None:
        try:
            ids = await self._client.lease.leases(timeout=ANSWER_DEADLINE)
        except EtcdError as error:
            self._leases, self._leases_why = None, error.message
        else:
            self._leases, self._leases_why = LeaseFacts(len(ids)), ""
            if len(ids) > MANY:
                self._leases = await self._estimated(ids)
        self._count(LEASES)

    async def _estimated(self, ids: Sequence[int]) -> LeaseFacts:
        """How many leases have no keys, from some of them."""
        chosen = random.sample(list(ids), min(LEASES_LOOKED_AT, len(ids)))
        gate = asyncio.Semaphore(PARALLEL)

        async def empty(lease_id: int) -> bool | None:
            async with gate:
                try:
                    told = await self._client.lease.time_to_live(lease_id, keys=True, timeout=ANSWER_DEADLINE)
                except EtcdError:
                    return None
                return told.ttl >= 0 and not told.keys

        known = [answer for answer in await asyncio.gather(*map(empty, chosen)) if answer is not None]
        if not known:
            return LeaseFacts(len(ids))
        return LeaseFacts(len(ids), len(known), round(len(ids) * sum(known) / len(known)))

    def _count(self, what: str) -> None:
        self._rounds[what] = self._rounds.get(what, 0) + 1
        self._read_at[what] = self._now()

    def _is_old(self, what: str, at: float) -> bool:
        """What was read long ago, because nobody looked since, says nothing of now."""
        return at - self._read_at.get(what, at) > OLD

    def _metrics_of(self, endpoint: str, at: float) -> MemberMetrics:
        if self._monitor.health.proxy:
            return MemberMetrics(why=self._monitor.health.proxy)
        metrics = self.scraper.of(endpoint)
        if metrics.latest is not None and at - metrics.latest.at > max(OLD, 3 * self.scraper.every):
            return metrics.without("not read lately")
        return metrics


def doctor_of(client: Client, monitor: HealthMonitor, profile: Profile) -> Doctor:
    """The doctor of a profile in use."""
    scraper = Scraper(client.options, urls=profile.metrics.urls, every=profile.metrics.every)
    settings = Settings(profile.auth.user, profile.is_tls, profile.quota_bytes or 0, profile.keep_revisions)
    return Doctor(client, monitor, scraper, settings, profile=profile.name)


def _all_here(endpoints: Sequence[str]) -> bool:
    """Whether every endpoint is an address of this machine, as the near end of a tunnel is."""

    def here(endpoint: str) -> bool:
        host = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").hostname or ""
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False

    return bool(endpoints) and all(here(endpoint) for endpoint in endpoints)
