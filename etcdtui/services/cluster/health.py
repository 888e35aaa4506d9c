"""Is the cluster well, in one value: who answers, who leads, how far it is, and words for what is wrong.

``HealthMonitor.poll`` asks every endpoint for its Status at the same time, with a deadline of its own and without
demanding a leader: only so a cluster that has lost its quorum can still be described.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from etcdtui.client import Client
from etcdtui.core.errors import (
    AuthFailed,
    ClusterMismatch,
    EtcdError,
    NotEtcd,
    NotSupported,
    PermissionDenied,
    TlsError,
    Unauthenticated,
    Unavailable,
)
from etcdtui.core.tasks import awaited
from etcdtui.core.types import EndpointStatus, Member, Members
from etcdtui.services.cluster.endpoint_health import WARN_QUOTA, ClusterHealth, EndpointHealth, State
from etcdtui.services.cluster.samples import Samples
from etcdtui.services.cluster.versions import version_order

__all__ = ["WARN_QUOTA", "ClusterHealth", "EndpointHealth", "HealthMonitor", "State", "alarm_words", "leader_of"]

STATUS_DEADLINE = 1.0
"""Seconds one member has to answer, at least: a slow line gives it ``SLOWER`` of its round trips."""
SLOWER = 6.0
"""Round trips until a member counts as silent: connecting anew takes up to four of them."""
STATUS_MOST = 15.0
"""Seconds one member has at most once a round trip is known."""
POLL_WELL = 1.5
POLL_UNWELL = 1.0
MEMBERS_EVERY = 10.0
"""Seconds between two readings of the member list while nothing changes."""
BEYOND_EVERY = 10.0
"""Seconds between two tries of a member's own client URL that did not answer."""
FLIPS = 2
"""Changes of the member behind one endpoint that tell of a proxy or a balancer."""
LOGIN_EVERY = 5.0
"""Seconds after which a session without a user looks again whether one is wanted."""


def _place(url: str) -> str:
    """``host:port`` of an endpoint or advertised URL, for matching the two."""
    return urlsplit(url if "://" in url else f"//{url}").netloc.lower()


def leader_of(statuses: list[EndpointStatus]) -> int:
    """The ID of the leader as told in the latest term in which anybody knows one; 0 when nobody does."""
    claims = [status for status in statuses if status.leader]
    return max(claims, key=lambda status: status.raft_term).leader if claims else 0


def alarm_words(statuses: list[EndpointStatus]) -> tuple[str, ...]:
    """``NOSPACE`` and ``CORRUPT`` as far as members mention them; asking for alarms would cost a raft entry."""
    texts = " ".join(text for status in statuses for text in status.errors).upper()
    return tuple(word for word in ("CORRUPT", "NOSPACE") if word in texts)


class HealthMonitor:
    """Polls one client's endpoints and keeps the last ``ClusterHealth``. ``quota`` in bytes, for servers before 3.6."""

    def __init__(self, client: Client, *, quota: int = 0, now: Callable[[], float] = time.time) -> None:
        self.health = ClusterHealth()
        self.samples = Samples()
        self._client = client
        self._quota = quota
        self._now = now
        self._seen: dict[str, EndpointHealth] = {}
        self._members: tuple[Member, ...] = ()
        self._members_at = float("-inf")
        self._members_error: EtcdError | None = None
        self._first_members: frozenset[int] = frozenset()
        self._beyond: dict[int, EndpointHealth] = {}
        self._beyond_at: dict[int, float] = {}
        self._met: set[int] = set()
        """Members that answered at their own client URL once, so that their silence means something."""
        self._proxy = ""
        self._flips: dict[str, int] = {}
        self._busy: dict[int, str] = {}
        self._login_wanted: EtcdError | None = None
        self._login_at = float("-inf")
        self._lost_at = 0.0
        self._rtts: dict[str, float] = {}
        self._wake = asyncio.Event()

    async def poll(self) -> ClusterHealth:
        """Ask everybody once; never raises for what the cluster answers or fails to answer."""
        answers, _ = await asyncio.gather(self._ask_all(), self._ask_beyond())
        self._see_proxy(answers)
        self._seen = {answer.endpoint: answer for answer in answers}
        if any(answer.up for answer in answers):
            statuses = [answer.status for answer in answers if answer.status]
            await asyncio.gather(self._read_members(statuses), self._see_login())
        self.health = self._judge(list(answers))
        self.samples.note(self.health, self._now())
        return self.health

    async def updates(self) -> AsyncGenerator[ClusterHealth, None]:
        """Poll for ever, sooner while something is wrong, and give every result."""
        while True:
            yield await self.poll()
            try:
                await asyncio.wait_for(self._wake.wait(), self.pause)
            except TimeoutError:
                pass
            self._wake.clear()

    @property
    def pause(self) -> float:
        """Seconds from one poll to the next."""
        return POLL_WELL if self.health.well else POLL_UNWELL

    def poll_soon(self) -> None:
        """End the pause of ``updates`` now, and read the member list again: somebody changed something."""
        self._members_at = float("-inf")
        self._beyond_at.clear()
        self._wake.set()

    @contextmanager
    def busy(self, member_id: int, words: str) -> Iterator[None]:
        """For as long as the block lasts the member's silence is our doing: it is told as ``words``, not as down."""
        self._busy[member_id] = words
        try:
            yield
        finally:
            self._busy.pop(member_id, None)
            self.poll_soon()

    def saw_revision(self, revision: int) -> None:
        """A newer revision was seen in some answer."""
        if revision > self.health.revision:
            self.health = replace(self.health, revision=revision)

    @property
    def _slowest(self) -> float:
        """The longest round trip that was measured lately; 0 before any."""
        return max(self._rtts.values(), default=0.0)

    def _deadline(self, endpoint: str = "") -> float:
        """Seconds that an answer may take: after the round trip that was measured there, or to the others.

        Before any was measured the line may be as slow as the profile lets connecting take.
        """
        rtt = self._rtts.get(endpoint) or self._slowest
        if not rtt:
            return max(STATUS_DEADLINE, self._client.options.dial_timeout)
        return min(max(STATUS_DEADLINE, SLOWER * rtt), STATUS_MOST)

    async def _ask_all(self) -> list[EndpointHealth]:
        """Every endpoint at once. As soon as one has answered, the others have what their round trips allow."""
        began = time.perf_counter()
        asked = [awaited(self._ask(endpoint), f"status of {endpoint}") for endpoint in self._client.endpoints]
        try:
            waiting = set(asked)
            while waiting:
                limit = None
                if any(task.done() and not task.cancelled() and task.result().up for task in asked):
                    limit = max(0.0, self._deadline() - (time.perf_counter() - began))
                done, waiting = await asyncio.wait(waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
            for task in waiting:
                task.cancel()
            answers = await asyncio.gather(*asked, return_exceptions=True)
        finally:
            for task in asked:
                task.cancel()
        spent = time.perf_counter() - began
        told = []
        for endpoint, answer in zip(self._client.endpoints, answers, strict=False):
            if isinstance(answer, EndpointHealth):
                told.append(answer)
            elif isinstance(answer, asyncio.CancelledError):
                told.append(self._silent(endpoint, spent))
            else:
                raise answer
        return told

    def _silent(self, endpoint: str, seconds: float) -> EndpointHealth:
        known = self._seen.get(endpoint, EndpointHealth(endpoint))
        error = Unavailable(f"no answer within {seconds:.1f} s", endpoint=endpoint)
        since = self._now() if known.up or not known.since else known.since
        return EndpointHealth(endpoint, False, None, error, 0.0, since, known.member_id)

    async def _ask(self, endpoint: str, known: EndpointHealth | None = None) -> EndpointHealth:
        known = known or self._seen.get(endpoint, EndpointHealth(endpoint))
        started = time.perf_counter()
        error: EtcdError
        limit = self._deadline(endpoint)
        try:
            async with asyncio.timeout(limit):
                status = await self._client.maintenance.status(endpoint, timeout=limit)
        except TimeoutError:
            error = Unavailable(f"no answer within {limit:g} s", endpoint=endpoint)
        except EtcdError as problem:
            error = problem
        else:
            rtt = self._rtts[endpoint] = time.perf_counter() - started
            return EndpointHealth(endpoint, True, status, None, rtt, self._now(), status.member_id)
        up = isinstance(error, (PermissionDenied, Unauthenticated, NotSupported))
        since = self._now() if up or known.up or not known.since else known.since
        return EndpointHealth(
            endpoint, up, None, error, time.perf_counter() - started if up else 0.0, since, known.member_id
        )

    async def _ask_beyond(self) -> None:
        """Learners and members that came while we looked are asked at their own client URLs: no endpoint of the profile
        leads to them yet. One that does not answer there is not reached from here, which says nothing about it."""
        led_to = {self._member_of(answer) for answer in self._seen.values()}
        wanted = {
            member.id: self._client.options.reached(member.client_urls[0])
            for member in self._members
            if member.client_urls and member.id not in led_to and self._is_new(member)
        }
        for gone in set(self._beyond) - set(wanted):
            del self._beyond[gone]
        now = self._now()
        due = [
            (member_id, url)
            for member_id, url in wanted.items()
            if member_id in self._met or now - self._beyond_at.get(member_id, float("-inf")) >= BEYOND_EVERY
        ]
        self._beyond_at.update({member_id: now for member_id, _ in due})
        answers = await asyncio.gather(*(self._ask(url, self._beyond.get(member_id)) for member_id, url in due))
        for (member_id, url), answer in zip(due, answers, strict=True):
            if answer.status is not None and answer.status.member_id != member_id:
                answer = EndpointHealth(url, error=EtcdError("another member answers there", endpoint=url))
            self._beyond[member_id] = replace(answer, member_id=member_id)
            if answer.up:
                self._met.add(member_id)

    def _is_new(self, member: Member) -> bool:
        return member.is_learner or member.id not in self._first_members or member.id in self._beyond

    def _see_proxy(self, answers: Sequence[EndpointHealth]) -> None:
        """An endpoint at which now this and now that member answers is none; one that was replaced changes once."""
        for answer in answers:
            before = self._seen.get(answer.endpoint)
            if answer.status is None or before is None or before.member_id in (0, answer.status.member_id):
                continue
            self._flips[answer.endpoint] = self._flips.get(answer.endpoint, 0) + 1
            if self._flips[answer.endpoint] >= FLIPS:
                self._proxy = f"several members answer at {answer.endpoint}: a proxy or a balancer is between"

    async def _read_members(self, statuses: list[EndpointStatus]) -> None:
        """The member list, when it is old or somebody unknown answers or leads; a refusal is kept, not raised."""
        named = {member.id for member in self._members}
        told = {status.member_id for status in statuses} | {status.leader for status in statuses} - {0}
        age = self._now() - self._members_at
        if age < MEMBERS_EVERY and (told <= named or self._members_error):
            return
        self._members_at = self._now()
        linearizable = leader_of(statuses) != 0
        try:
            async with asyncio.timeout(self._deadline()):
                try:
                    members = await self._client.cluster.members(linearizable=linearizable)
                except EtcdError:
                    if not linearizable:
                        raise
                    members = await self._client.cluster.members(linearizable=False)
            if any(member.id == 0 for member in members):  # it tells itself, or its like, instead of the members
                self._proxy, members = "an etcd grpc-proxy is between", Members()
            self._members = tuple(members)
            self._first_members = self._first_members or frozenset(m.id for m in members if m.client_urls)
            self._members_error = None
        except TimeoutError:
            self._members_at = float("-inf")
        except EtcdError as error:
            self._members_error = error

    async def _see_login(self) -> None:
        """Whether a user, or another password, is wanted by now: old servers tell their status to anybody, keys not."""
        if self._now() - self._login_at < LOGIN_EVERY:
            return
        self._login_at = self._now()
        try:
            await self._client.kv.get(b"\0", serializable=True, count_only=True, timeout=self._deadline())
            self._login_wanted = None
        except (Unauthenticated, AuthFailed) as error:
            self._login_wanted = error
        except PermissionDenied:
            self._login_wanted = None
        except EtcdError:
            pass

    def _member_of(self, answer: EndpointHealth) -> int:
        """The ID of the member behind an endpoint: told, remembered, or found by its advertised URL; else 0."""
        if answer.member_id:
            return answer.member_id
        place = _place(answer.endpoint)
        return next((m.id for m in self._members if any(place in self._places(url) for url in m.client_urls)), 0)

    def _places(self, url: str) -> tuple[str, str]:
        """An advertised URL, and how it is reached from here."""
        return _place(url), _place(self._client.options.reached(url))

    def _judge(self, answers: list[EndpointHealth]) -> ClusterHealth:
        answers = [self._as_known(replace(answer, member_id=self._member_of(answer))) for answer in answers]
        answers = self._without_removed(answers)
        led_to = {answer.member_id for answer in answers}
        beyond = [one for member_id, one in self._beyond.items() if member_id not in led_to]
        answers += [one for one in beyond if one.member_id in self._met]
        statuses = [answer.status for answer in answers if answer.status]
        up = {answer.member_id or answer.endpoint for answer in answers if answer.up}
        everybody = {answer.member_id or answer.endpoint for answer in answers}
        leader = leader_of(statuses)
        known = self.health
        rtts = [answer.rtt for answer in answers if answer.up]
        health = ClusterHealth(
            members_up=len(up),
            members_total=len(everybody),
            members_listed=len(self._members),
            leader_id=leader,
            leader_name=self._name(leader),
            revision=max(
                (s.header.revision for s in statuses if s.header), default=max(known.revision, self._client.revision)
            ),
            alarms=alarm_words(statuses),
            quota_used=self._quota_used(statuses),
            db_size=max((status.db_size for status in statuses), default=known.db_size),
            db_in_use=max((status.db_size_in_use for status in statuses), default=known.db_in_use),
            cluster_id=next((s.header.cluster_id for s in statuses if s.header), known.cluster_id),
            version=min((status.version for status in statuses), key=version_order, default=known.version),
            endpoints=tuple(answers),
            unreached=tuple(one for one in beyond if one.member_id not in self._met),
            members=self._members,
            as_of=self._now() if up else known.as_of,
            rtt=min(rtts, default=0.0),
            proxy=self._proxy,
            quota=self._quota,
        )
        state, words = self._describe(answers, statuses, leader)
        return replace(health, state=state, words=words)

    def _without_removed(self, answers: list[EndpointHealth]) -> list[EndpointHealth]:
        """Silent endpoints whose member is in the list no more are nobody's: their silence means nothing."""
        listed = {member.id for member in self._members}
        if not listed or not any(answer.up for answer in answers):
            return answers
        return [answer for answer in answers if answer.up or not answer.member_id or answer.member_id in listed]

    def _as_known(self, answer: EndpointHealth) -> EndpointHealth:
        """Up, while it is silent because of what we do to it."""
        words = self._busy.get(answer.member_id, "")
        return replace(answer, up=True, busy=words) if words and not answer.up else answer

    def _name(self, member_id: int) -> str:
        if not member_id:
            return ""
        return next((m.name for m in self._members if m.id == member_id and m.name), f"{member_id:x}")

    def _quota_used(self, statuses: list[EndpointStatus]) -> float | None:
        shares = [s.db_size / (s.db_size_quota or self._quota) for s in statuses if s.db_size_quota or self._quota]
        return max(shares, default=None)

    def _describe(
        self, answers: list[EndpointHealth], statuses: list[EndpointStatus], leader: int
    ) -> tuple[State, str]:
        errors = [answer.error for answer in answers if answer.error]
        if not any(answer.up for answer in answers):
            self._lost_at = self._lost_at or self.health.as_of or self._now()
            clock = time.strftime("%H:%M:%S", time.localtime(self._lost_at))
            for kind, state in (
                (ClusterMismatch, State.LOST),
                (TlsError, State.TLS),
                (NotEtcd, State.LOST),
                (AuthFailed, State.DENIED),
            ):
                for error in errors:
                    if isinstance(error, kind):
                        return state, f"{error.title}: {error.message}"
            return State.LOST, f"no answer since {clock}, retrying"
        self._lost_at = 0.0
        if not statuses:
            error = errors[0]
            if isinstance(error, Unauthenticated):
                return self._login_words(error)
            return State.RESTRICTED, self._down_words(answers)
        if self._login_wanted is not None:
            return self._login_words(self._login_wanted)
        if not leader:
            return State.NO_LEADER, "NO LEADER: reads may be STALE, no writes"
        return State.CONNECTED, self._down_words(answers)

    def _login_words(self, error: EtcdError) -> tuple[State, str]:
        """Who is not let in, why, and the key that mends it."""
        options = self._client.options
        if isinstance(error, AuthFailed):
            return State.DENIED, f"DENIED: etcd does not accept the password of {options.username}; L logs in"
        if options.token:
            return State.LOGIN, f"LOGIN WANTED: etcd does not accept the token ({error.message}); L logs in"
        if options.username:
            return State.LOGIN, f"LOGIN WANTED: etcd does not accept the login of {options.username}; L logs in"
        return State.LOGIN, "LOGIN WANTED: authentication is on and this session has no user; L logs in"

    def _down_words(self, answers: list[EndpointHealth]) -> str:
        foreign = [answer for answer in answers if isinstance(answer.error, ClusterMismatch)]
        if foreign and foreign[0].error is not None:
            return f"OTHER CLUSTER: {foreign[0].endpoint}: {foreign[0].error.message}"
        silent = [a for a in answers if not a.up]
        down = [self._name(a.member_id) or a.endpoint for a in silent]
        if not down:
            return ""
        since = time.strftime("%H:%M:%S", time.localtime(min(a.since for a in silent)))
        return f"{', '.join(down[:3])} DOWN since {since}"
