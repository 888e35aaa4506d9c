"""Can this profile be used, and if not, why: every step from the name to the rights, its time, what mends it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from email.utils import parsedate_to_datetime
from enum import Enum

from etcdtui.client import ClientOptions
from etcdtui.client.http import HttpSide
from etcdtui.client.probe import CertFacts, own_certificates, probe
from etcdtui.config.schema import Profile
from etcdtui.core.errors import (
    AuthFailed,
    ConfigError,
    EtcdError,
    PermissionDenied,
    Unauthenticated,
)
from etcdtui.core.tasks import awaited
from etcdtui.core.value import Value
from etcdtui.services import session as own
from etcdtui.services.reads.roots import start_of
from etcdtui.services.session.session import AS_IT_IS, Credentials, Overrides, Session, options_of, read_credentials

STEP_TIMEOUT = 5.0
"""Seconds a step has at least; a profile that lets connecting take longer gives it that."""
CLOCK_OFF = 2.0
"""Seconds between the clocks that are worth a word: answers tell whole seconds only."""
SOON, LATER = 7, 30
"""Days before the end of a certificate: it is bad, it is told."""
DAY = 86_400.0
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


FAILED, BAD_CONFIG = 1, 3
"""Exit statuses, as those of the program."""


class Verdict(Enum):
    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"
    SKIP = "-"


class Step(Value):
    """One step that is over. ``area`` is what was looked at, ``endpoint`` where, empty for the cluster as a whole.

    ``todo`` is a sentence of what to do, ``seconds`` how long it took, 0 when nothing was waited for. ``configuration``
    is true for what the profile says wrong.
    """

    area: str
    verdict: Verdict
    words: str
    endpoint: str = ""
    todo: str = ""
    seconds: float = 0.0
    configuration: bool = False


def ends_words(role: str, facts: CertFacts, now: float) -> tuple[Verdict, str] | None:
    """A sentence about a certificate that ends within 30 days, as bad as it is; ``None`` for one that does not."""
    days = (facts.ends - now) / DAY
    if days > LATER:
        return None
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(facts.ends))
    if days <= 0:
        return Verdict.FAIL, f"the {role} {facts.subject} has ended on {day}"
    left = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    return (Verdict.FAIL if days <= SOON else Verdict.WARN), f"the {role} {facts.subject} ends in {left}, on {day}"


async def ending_soon(options: ClientOptions, timeout: float = STEP_TIMEOUT) -> list[str]:
    """A sentence for each certificate, ours and theirs, that ends within 30 days or has; the most urgent first."""
    now, found = time.time(), []
    facts = list(own_certificates(options))
    if options.tls is not None:
        for endpoint in options.endpoints:
            async with aclosing(probe(options, endpoint, timeout)) as steps:
                async for step in steps:
                    if step.certificate is not None:
                        facts.append((f"certificate of {endpoint},", step.certificate))
                        break
    for role, one in facts:
        if (words := ends_words(role, one, now)) is not None:
            found.append((one.ends, words[1]))
    return list(dict.fromkeys(words for _, words in sorted(found)))


async def check_up(
    profile: Profile, overrides: Overrides = AS_IT_IS, environ: Mapping[str, str] = os.environ
) -> AsyncGenerator[Step, None]:
    """The steps in the order in which they are over; never raises for what is found. Nothing is remembered of it."""
    limit = max(STEP_TIMEOUT, profile.dial_timeout)
    if variables := [name for name in PROXIES if environ.get(name)]:
        yield Step("proxy", Verdict.OK, f"{', '.join(variables)} set: not used, etcd is dialled directly")
    try:
        if profile.discovery_srv:
            profile = await own.discovery.discovered(profile)
            yield Step("DNS SRV", Verdict.OK, f"{profile.discovery_srv} names {', '.join(profile.endpoints)}")
        async with own.through.led(profile) as profile:
            credentials = await read_credentials(profile, overrides.password)
            async for step in _steps(profile, overrides, credentials, limit):
                yield step
    except ConfigError as error:
        yield Step("profile", Verdict.FAIL, error.message, configuration=True, todo=error.hint)
    except EtcdError as error:
        yield Step("way", Verdict.FAIL, error.message, error.endpoint, todo=error.hint)


async def _steps(
    profile: Profile, overrides: Overrides, credentials: Credentials, limit: float
) -> AsyncGenerator[Step, None]:
    options = options_of(profile, Credentials(passphrase=credentials.passphrase))
    own_ones = own_certificates(options)
    for role, one in own_ones:
        if (words := ends_words(role, one, time.time())) is not None:
            yield Step("certificate", *words, todo="Have a new one issued; it is taken up while the program runs.")
    reached = 0
    probes = [awaited(_probed(options, endpoint, limit), f"probe of {endpoint}") for endpoint in options.endpoints]
    try:
        for endpoint, task in zip(options.endpoints, probes, strict=True):
            steps = await task
            for step in steps:
                yield replace(step, endpoint=endpoint)
            reached += bool(steps) and steps[-1].verdict is not Verdict.FAIL
    finally:
        for task in probes:
            task.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
    if not reached:
        return
    async for step in _inside(profile, overrides, credentials, options, limit):
        yield step


async def _probed(options: ClientOptions, endpoint: str, limit: float) -> list[Step]:
    steps = []
    async with aclosing(probe(options, endpoint, limit)) as told:
        async for one in told:
            verdict = Verdict.OK if one.ok else Verdict.FAIL
            unchecked = one.ok and one.words.startswith("NOT CHECKED")
            steps.append(
                Step(one.what, Verdict.WARN if unchecked else verdict, one.words, endpoint, one.todo, one.seconds)
            )
            if one.certificate is not None and one.ok:
                words = ends_words("server certificate", one.certificate, time.time())
                if words is not None:
                    steps.append(Step("certificate", *words, endpoint, todo="Have a new one issued."))
    return steps


async def _inside(
    profile: Profile, overrides: Overrides, credentials: Credentials, options: ClientOptions, limit: float
) -> AsyncGenerator[Step, None]:
    """Login, rights and cluster, through a session of its own."""
    http = HttpSide(options)
    try:
        for endpoint in options.endpoints:
            if (step := await _clock(http, endpoint, limit)) is not None:
                yield step
    finally:
        await http.aclose()
    began = time.perf_counter()
    try:
        session = await Session.open(profile, replace(overrides, read_only=True), credentials)
    except ConfigError as error:
        yield Step("login", Verdict.FAIL, error.message, configuration=True)
        return
    except AuthFailed as error:
        todo = "Give another password; etcd does not tell whether user or password is wrong."
        yield Step("login", Verdict.FAIL, f"{profile.auth.user}: {error.title}", todo=todo)
        return
    except EtcdError as error:
        yield Step("etcd", Verdict.FAIL, f"{error.title}: {error.message}", error.endpoint, todo=error.hint)
        return
    try:
        took = time.perf_counter() - began
        if session.identity not in ("-", "cert"):
            yield Step("login", Verdict.OK, f"{session.identity}: accepted", seconds=took)
        async for step in judged(session):
            yield step
    finally:
        await session.aclose()


async def _clock(http: HttpSide, endpoint: str, limit: float) -> Step | None:
    """How far the clocks are apart, by the date of an HTTP answer; ``None`` where there is no such answer."""
    try:
        answer = await http.get(endpoint, "/version", timeout=limit)
        theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (EtcdError, KeyError, ValueError, TypeError):
        return None
    off = theirs + 0.5 - (answer.began + answer.ended) / 2
    if abs(off) <= CLOCK_OFF:
        return Step("clock", Verdict.OK, "as ours, within 2 s", endpoint)
    words = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} ours"
    return Step("clock", Verdict.WARN, words, endpoint, "Leases, tokens and certificates want clocks that agree (NTP).")


async def judged(session: Session) -> AsyncGenerator[Step, None]:
    """What an open session can be used for: which cluster, who answers, what may be read."""
    health = session.health
    for one in health.endpoints:
        if one.status is not None:
            words = f"{one.status.version}, answers in {one.rtt * 1000:.1f} ms"
            yield Step("etcd", Verdict.OK, words, one.endpoint, seconds=one.rtt)
        elif not one.up:
            why = one.error.message if one.error is not None else "no answer"
            yield Step("etcd", Verdict.WARN, why, one.endpoint, "The others are used meanwhile.")
    yield _which_cluster(session)
    if session.profile.auth.user and not session.client.has_token:
        yield Step("login", Verdict.WARN, f"authentication is off: {session.profile.auth.user} is not used")
    yield await _rights(session)
    leader = health.leader_name or "unknown"
    words = f"{health.members_up}/{health.members_total} up, leader {leader}, rev {health.revision}"
    yield Step("connect", Verdict.OK, words)


class Checked(Value):
    """The steps; ``words`` is what they come to, ``code`` the exit status: 0, 1, or 3 for the profile."""

    steps: tuple[Step, ...]

    @property
    def failed(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.verdict is Verdict.FAIL)

    @property
    def code(self) -> int:
        if not self.failed:
            return 0
        return BAD_CONFIG if any(step.configuration for step in self.failed) else FAILED

    @property
    def words(self) -> str:
        if self.failed:
            return "; ".join(dict.fromkeys(_sentence(step) for step in self.failed))
        return next((f"ok: {step.words}" for step in reversed(self.steps) if step.area == "connect"), "ok")


def _sentence(step: Step) -> str:
    where = f" ({step.endpoint})" if step.endpoint else ""
    return f"{step.words}{where}{'. ' + step.todo if step.todo else ''}"


async def run_check(
    profile: Profile, overrides: Overrides, *, thorough: bool, tell: Callable[[Step], object] = lambda _: None
) -> Checked:
    """Whether the profile can be used; ``thorough`` looks at each step of each connection. ``tell`` gets every step.

    Raises ``EtcdError`` when not even a session can be had and nothing is looked at by itself.
    """
    steps = []
    if thorough:
        async for step in check_up(profile, overrides):
            steps.append(step)
            tell(step)
        return Checked(tuple(steps))
    session = await Session.open(profile, overrides)
    try:
        steps = [step async for step in judged(session)]
    finally:
        await session.aclose()
    return Checked(tuple(steps))


def _which_cluster(session: Session) -> Step:
    stranger, found = session.stranger, session.client.cluster_id
    if stranger is None:
        if not found:
            return Step("cluster", Verdict.SKIP, "no ID was told")
        return Step("cluster", Verdict.OK, f"{found:x}")
    leads = ", ".join(f"{one} leads to {there:x}" for one, there in stranger.leads)
    if not stranger.whole:
        todo = "Take the wrong ones out of the profile, or mend the tunnel or name behind them."
        return Step("cluster", Verdict.FAIL, f"the endpoints lead to different clusters: {leads}", todo=todo)
    known = stranger.known.cluster_id
    todo = "If it was created anew, accept it: open the profile, the first question is about it. Else look at the way."
    return Step("cluster", Verdict.FAIL, f"another cluster than before: {known:x} is known; {leads}", todo=todo)


async def _rights(session: Session) -> Step:
    """Whether anything can be read."""
    client, user = session.client, session.profile.auth.user
    began = time.perf_counter()
    try:
        await client.kv.get(b"\0", range_end=b"\0", serializable=True, count_only=True, limit=1)
        return Step("rights", Verdict.OK, "all keys may be read", seconds=time.perf_counter() - began)
    except (Unauthenticated, AuthFailed) as error:
        todo = "Name a user (auth.user, --user), or renew the token."
        if client.options.token:
            return Step("rights", Verdict.FAIL, f"etcd does not accept the token: {error.message}", todo=todo)
        words = f"LOGIN WANTED: authentication is on, and nobody is logged in ({error.message})"
        return Step("rights", Verdict.FAIL, words, todo=todo)
    except PermissionDenied:
        pass
    except EtcdError as error:
        return Step("rights", Verdict.FAIL, f"{error.title}: {error.message}", todo=error.hint)
    if not user:
        return Step("rights", Verdict.WARN, "not all keys may be read; of which ones etcd tells users with a name only")
    start = await start_of(client, user)
    readable = [root for root in start.roots if root.readable]
    if not readable:
        todo = f"Grant {user} a role with rights: etcdctl user grant-role {user} ROLE."
        return Step("rights", Verdict.FAIL, f"{user} may read nothing", todo=todo)
    return Step("rights", Verdict.OK, start.words)
