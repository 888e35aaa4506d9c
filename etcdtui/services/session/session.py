"""One opened profile: its client, the guard of its writes, its audit and its health."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from etcdtui.client import Client, ClientOptions, TlsOptions
from etcdtui.client.client import Fresh
from etcdtui.config.clusters import ClusterMemory, KnownCluster
from etcdtui.config.folders import state_folder
from etcdtui.config.passwords import passphrase_of, password_of, token_of
from etcdtui.config.schema import Profile
from etcdtui.config.secrets import Secret
from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError, NotEtcd, Unavailable
from etcdtui.core.search import globs_below
from etcdtui.core.types import Event
from etcdtui.core.value import Value
from etcdtui.services import cluster
from etcdtui.services import session as own
from etcdtui.services.cluster.health import ClusterHealth, HealthMonitor, State
from etcdtui.services.cluster.view import ClusterView, view_of
from etcdtui.services.reads import kept
from etcdtui.services.reads.reading import Follower, Reads
from etcdtui.services.writing.audit import Audit
from etcdtui.services.writing.guard import OTHER_CLUSTER, Guard, policy_of
from etcdtui.services.writing.writes import Writes

if TYPE_CHECKING:  # one is made of a session, the other when it is first wanted
    from etcdtui.services.cluster.access import Rights
    from etcdtui.services.cluster.admin import Admin
    from etcdtui.services.cluster.doctor.doctor import Doctor
    from etcdtui.services.cluster.held_leases import HeldLeases
    from etcdtui.services.cluster.reads import ClusterReads
    from etcdtui.services.cluster.runbooks.context import Context
    from etcdtui.services.session.first_look import FirstLook
    from etcdtui.services.session.through import Tunnel

PATIENCE = 4.0
"""Dial timeouts until nobody answers: connecting takes three round trips and more, a login one, the first look one."""
OPEN_MARGIN = 3.0
"""Seconds on top of the profile's dial timeout that opening may take, logins included."""

TUNNEL_MARGIN = 10.0
"""Seconds on top for a tunnel to come up."""
DIAL_TIMEOUT = 2.0
"""Seconds, for a profile that sets no limit."""
RENEW_COMMAND = 30.0
"""Seconds until a command, or the keyring, is asked again for a password that etcd does not accept."""
DISCOVER_EVERY = 30.0
DISCOVER_FOR = 2.0
"""Seconds between two looks at the member list where other members are taken up, and for the first of them."""


class Overrides(Value):
    """What the start of the program or the person adds to a profile; ``password`` answers a profile that asks.

    ``hex`` shows values as hexadecimal at first. ``clusters`` remembers which cluster is behind a profile.
    """

    read_only: bool = False
    dry_run: bool = False
    password: Secret | None = None
    audit_file: Path | None = None
    hex: bool = False
    clusters: ClusterMemory | None = None


AS_IT_IS = Overrides()


class Stranger(Value):
    """Another cluster than the one that was ``known``: it answers at some or all of the endpoints.

    ``leads`` pairs every endpoint that answered with its cluster. When ``whole``, nothing of the known one answers, and
    a person may accept the other; else the endpoints of the profile are mixed up.
    """

    known: KnownCluster
    cluster_id: int
    members: tuple[str, ...]
    leads: tuple[tuple[str, int], ...]
    whole: bool = True


class Credentials(Value):
    """What a login needs, read from wherever the profile says."""

    user: str = ""
    password: Secret | None = None
    token: Secret | None = None
    passphrase: Secret | None = None


def options_of(profile: Profile, credentials: Credentials) -> ClientOptions:
    """The client's options for a profile; raises ``ConfigError`` for what can not work."""
    tls = profile.tls
    return ClientOptions(
        endpoints=profile.endpoints,
        username=credentials.user or None,
        password=credentials.password.reveal() if credentials.password is not None else None,
        token=credentials.token.reveal() if credentials.token is not None else None,
        tls=TlsOptions(
            ca_file=tls.cacert or None,
            cert_file=tls.cert or None,
            key_file=tls.key or None,
            server_name=tls.server_name or None,
            insecure_skip_verify=tls.insecure_skip_verify,
            passphrase=credentials.passphrase.reveal().encode() if credentials.passphrase is not None else None,
        )
        if profile.is_tls
        else None,
        dial_timeout=profile.dial_timeout,
        command_timeout=profile.command_timeout,
        keepalive_time=profile.keepalive_time,
        keepalive_timeout=profile.keepalive_timeout,
        max_request_bytes=profile.max_request_bytes,
        max_recv_bytes=profile.max_recv_bytes,
        namespace=profile.namespace.encode(),
        endpoint_map=profile.endpoint_map,
        through=profile.through,
        auto_sync_interval=DISCOVER_EVERY if profile.discover == "reachable" else 0.0,
    )


async def read_credentials(profile: Profile, asked: Secret | None = None) -> Credentials:
    """User, password and token from where the profile says they are; ``asked`` is what the person typed, if asked.

    Raises ``ConfigError``. A slow password command runs in a thread that does not hold up the end of the program.
    """
    auth, tls = profile.auth, profile.tls
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Credentials] = loop.create_future()

    def read() -> Credentials:
        passphrase = passphrase_of(tls) if tls.key else None
        token = token_of(auth)
        if token is not None:
            return Credentials(token=token, passphrase=passphrase)
        return Credentials(auth.user, password_of(auth, ask=lambda _: asked), None, passphrase)

    def finish(result: Credentials | None, error: Exception | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        elif result is not None:
            done.set_result(result)

    def work() -> None:
        result, failure = None, None
        try:
            result = read()
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, result, failure)

    if not (auth.password_command or auth.keyring or tls.passphrase_command):
        return read()
    threading.Thread(target=work, daemon=True, name="password").start()
    return await done


class Renewal:
    """Reads the login of a profile again, from the source that it names, when etcd does not accept it any more."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._next = 0.0

    @property
    def is_possible(self) -> bool:
        """Whether there is a source that may hold something newer."""
        auth = self._profile.auth
        return bool(auth.jwt_token_file or auth.password_file or auth.password_command or auth.keyring)

    async def __call__(self) -> Fresh | None:
        auth = self._profile.auth
        if auth.password_command or auth.keyring:
            now = asyncio.get_running_loop().time()
            if now < self._next:
                return None
            self._next = now + RENEW_COMMAND
        try:
            found = await read_credentials(self._profile)
        except EtcdError:
            return None  # what etcd said about the old one is told
        if found.token is not None:
            return Fresh(token=found.token.reveal())
        return Fresh(found.user, found.password.reveal() if found.password is not None else None)


class Session:
    """A profile in use. Made by ``open``; ``aclose`` ends its connections and everything that reads through them."""

    def __init__(
        self, profile: Profile, client: Client, guard: Guard, audit: Audit, identity: str, *, hex_first: bool = False
    ) -> None:
        self.profile = profile
        self.client = client
        self.guard = guard
        self.audit = audit
        self.identity = identity
        self.first_view = "hex" if hex_first else ""
        self.writes = Writes(client, guard, audit, _state_of(profile), profile.name, profile.trash)
        self.monitor = HealthMonitor(client, quota=profile.quota_bytes or 0)
        self.seen: list[Callable[[Sequence[Event]], object]] = []
        """Who wants to know of changes that anything of the session sees."""
        self._first_look: FirstLook | None = None
        self.stranger: Stranger | None = None
        """Another cluster than was known here, until it is accepted or gone."""
        self._clusters: ClusterMemory | None = None
        self._tunnel: Tunnel | None = None
        self._is_met = False
        self.note = ""
        """What the title says of a session that is no cluster."""
        self.without: tuple[str, ...] = ()
        """Names of main screens that have nothing to show here."""
        self.rights: Rights | None = None
        """Whose rights colour the tree of keys; ``None``: nobody's."""
        self._doctor: Doctor | None = None
        self.separators = tuple(s.encode() for s in profile.separators if s)
        self.reads = Reads(
            client,
            leaderless=lambda: self.health.state is State.NO_LEADER,
            version=lambda: self.health.version,
            most_keys=lambda: self.health.most_keys,
            follower=self._follower,
        )

    def _follower(self) -> Follower | None:
        """The nearest member that only follows."""
        health = self.health
        names = {member.id: member.name for member in health.members}
        following = [
            one
            for one in health.endpoints
            if one.status is not None
            and health.leader_id
            and not one.status.is_learner
            and one.status.member_id != health.leader_id
        ]
        nearest = min(following, key=lambda one: one.rtt, default=None)
        if nearest is None:
            return None
        return Follower(nearest.endpoint, names.get(nearest.member_id) or nearest.endpoint)

    @cached_property
    def admin(self) -> Admin:
        """Every action on leases, members, upkeep, users and roles."""
        return cluster.admin.Admin(self.client, lambda: self.view, self.profile.auth.user or "")

    @cached_property
    def cluster(self) -> ClusterReads:
        """What is read of leases, members, users and roles."""
        profile = self.profile
        return cluster.reads.ClusterReads(
            self.client, profile.auth.user or "", profile.namespace.encode(), profile.locks, lambda: self.reads.stale
        )

    @cached_property
    def held(self) -> HeldLeases:
        """The leases that are kept alive from here."""
        made: HeldLeases = cluster.held_leases.HeldLeases(self.client)
        return made

    @property
    def last_words(self) -> tuple[str, ...]:
        """What ends with the session, in sentences: the leases that it keeps alive."""
        ids = self.held.ids if "held" in self.__dict__ else ()
        if not ids:
            return ()
        names = ", ".join(f"{lease & (2**64 - 1):016x}" for lease in ids)
        return (f"etcdtui: no longer renewed, and ending in time with their keys: {names}",)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: the password and the token of the connection."""
        passphrase = self.profile.tls.passphrase
        return (*self.client.secrets, *([passphrase.reveal()] if passphrase else []))

    @property
    def health(self) -> ClusterHealth:
        """The latest known; ``health_updates`` keeps it fresh."""
        return self.monitor.health

    @property
    def why_no_writes(self) -> str:
        """Why nothing can be changed now, as a sentence; empty when it can: locked, or the cluster takes no writes."""
        if not self.guard.writable:
            return self.guard.locked_words(self.guard.locked_because)
        return self.health.why_no_writes

    def look_first(self) -> FirstLook:
        """Ask for the first rows now; ``take_first_look`` hands them over."""
        self._first_look = own.first_look.FirstLook(self.reads, self.profile, self.separators)
        return self._first_look

    def take_first_look(self) -> FirstLook:
        """The look that was begun, or one that begins now; whoever takes it closes it."""
        look, self._first_look = self._first_look or self.look_first(), None
        return look

    @property
    def view(self) -> ClusterView:
        """The members side by side as they are known now, with the quotas and alarms that the doctor has read."""
        return self._doctor.view if self._doctor is not None else view_of(self.health)

    @property
    def doctor(self) -> Doctor:
        """Measures and judges the cluster; imported and made when it is first asked for."""
        if self._doctor is None:
            self._doctor = cluster.doctor.doctor.doctor_of(self.client, self.monitor, self.profile)
        return self._doctor

    async def load_doctor(self) -> None:
        """Import what the doctor needs beside what runs, so that ``needing`` counts from then on."""
        await asyncio.to_thread(lambda: cluster.doctor.doctor)
        self.doctor.judge()

    def judge(self) -> None:
        """Judge what is known anyway, if the doctor is loaded; asks nobody."""
        if self._doctor is not None:
            self._doctor.judge()

    @property
    def needing(self) -> int:
        """How many findings need somebody; 0 before the doctor is loaded."""
        report = self._doctor.report if self._doctor is not None else None
        return len(report.needing) if report is not None else 0

    def runbooks(self, folder: Path | None = None) -> Context:
        """What runbooks work with here; snapshots are proposed in ``folder``, else in the current one."""
        made: Context = cluster.runbooks.context.Context(
            self.client,
            self.monitor,
            self.admin,
            self.writes,
            self.doctor,
            profile=self.profile.name,
            keep_revisions=self.profile.keep_revisions,
            folder=folder,
        )
        return made

    @classmethod
    async def open(
        cls, profile: Profile, overrides: Overrides = AS_IT_IS, credentials: Credentials | None = None
    ) -> Session:
        """Connect and see that somebody answers, within the dial timeout and a margin; else raise and leave nothing.

        Without ``credentials`` they are read from where the profile says; a password that a profile asks for
        (``profile.auth.asks``) comes in ``overrides``.
        Raises ``ConfigError``, ``AuthFailed``, ``TlsError``, ``Unavailable`` and their like.
        """
        profile = _patterns_inside(profile)
        tunnel: Tunnel | None = None
        guard = Guard(policy_of(profile, forced_read_only=overrides.read_only, dry_run=overrides.dry_run))
        limit = patience(profile) + OPEN_MARGIN + (TUNNEL_MARGIN if profile.ssh or profile.kubernetes.is_given else 0.0)
        client: Client | None = None
        if credentials is None:
            credentials = await read_credentials(profile, overrides.password)
        try:
            async with asyncio.timeout(limit):
                if profile.discovery_srv:
                    profile = await _from_dns(profile)
                if profile.ssh or profile.kubernetes.is_given:
                    profile, tunnel = await own.through.lead(profile)
                renewal = Renewal(profile)
                renew = renewal if renewal.is_possible else None
                options = replace(options_of(profile, credentials), dial_timeout=patience(profile))
                client = await Client.open(options, write_gate=guard.gate, renew=renew)
                identity = credentials.user or ("token" if credentials.token else "cert" if profile.tls.cert else "-")
                named = Path(profile.audit) if profile.audit else state_folder() / "audit.jsonl"
                path = overrides.audit_file or named
                audit = Audit(path, profile.name, credentials.user, profile.audit_command, namespace=profile.namespace)
                session = cls(profile, client, guard, audit, identity, hex_first=overrides.hex)
                session._clusters = overrides.clusters
                session._tunnel = tunnel
                health = await session.monitor.poll()
                if not health.answering:
                    raise _reason(health)
                if profile.discover == "reachable":
                    await session._discover()
        except TimeoutError:
            await _close(client, tunnel)
            raise Unavailable(f"no answer within {limit:g} s", endpoint=", ".join(profile.endpoints)) from None
        except BaseException:
            await _close(client, tunnel)
            raise
        session._meet()
        await session._recall()
        return session

    async def _recall(self) -> None:
        """What earlier runs knew of where the keys of a large store lie."""
        if self.profile.remember_names and self.health.most_keys >= kept.LEAST_KEYS:
            parts = await asyncio.to_thread(kept.load, self._names_file, self.health.cluster_id)
            if parts:
                low, high = ranges.ALL
                self.client.posts.refine(low, high, parts)

    async def _keep(self) -> None:
        """That for later runs."""
        chart = self.client.posts.chart
        if self.profile.remember_names and chart.counted and chart.most >= kept.LEAST_KEYS:
            with contextlib.suppress(OSError):  # only a later start would have been faster
                what = (self.health.cluster_id, chart.parts(kept.NAMES), self.profile.mask.keys)
                await asyncio.to_thread(kept.save, self._names_file, *what)

    @property
    def _names_file(self) -> Path:
        return kept.path_of(_state_of(self.profile), self.profile)

    async def _discover(self) -> None:
        """Take up the other members that answer; a member list that cannot be had leaves what is configured."""
        with contextlib.suppress(EtcdError, TimeoutError):
            async with asyncio.timeout(DISCOVER_FOR):
                before = self.client.endpoints
                if await self.client.sync() != before:
                    await self.monitor.poll()

    async def health_updates(self) -> AsyncGenerator[ClusterHealth, None]:
        """Health for ever; a lost connection and another cluster behind the endpoints lock writes on the way."""
        async for health in self.monitor.updates():
            if not health.answering:
                self.guard.connection_lost()
            self._meet()
            yield self._with_tunnel(health)

    def _with_tunnel(self, health: ClusterHealth) -> ClusterHealth:
        """The tunnel's own words, while nobody answers through it."""
        if self._tunnel is None:
            return health
        if health.answering:
            self._tunnel.heard()
        elif words := self._tunnel.words:
            self.monitor.health = health = replace(health, words=f"{health.words}; {words}")
        return health

    def _meet(self) -> None:
        """Compare the cluster that answers with the one that is remembered, and all endpoints with each other."""
        health, client = self.health, self.client
        cluster_id = health.cluster_id or client.cluster_id
        self.guard.observe_cluster(cluster_id)
        leads = tuple((one, found) for one in client.endpoints if (found := client.leads_to(one)))
        members = tuple(member.name for member in health.members if member.name)
        if health.mismatch:
            other = next((found for _, found in leads if found != client.cluster_id), 0)
            known = KnownCluster(client.cluster_id, members, last=health.as_of)
            whole = not any(found == client.cluster_id for _, found in leads)
            self.stranger = Stranger(known, other, (), leads, whole)
            self.guard.distrust(OTHER_CLUSTER)
            return
        if self._is_met or not cluster_id:
            if self._is_met and self.stranger is not None and cluster_id == self.stranger.known.cluster_id:
                self.stranger = None  # the right one answers again
                self.guard.trust()
            return
        self._is_met = True
        if self._clusters is None:
            return
        remembered = self._clusters.known(self.profile)
        if remembered is not None and remembered.cluster_id != cluster_id:
            self.stranger = Stranger(remembered, cluster_id, members, leads)
            self.guard.distrust("another cluster answers than before: ! shows both")
        else:
            self._clusters.remember(self.profile, cluster_id, members)

    async def ending_certificates(self) -> list[str]:
        """A sentence for each certificate, ours and theirs, that ends within 30 days or has ended."""
        if not self.profile.is_tls:
            return []
        found: list[str] = await own.checkup.ending_soon(self.client.options)
        return found

    def accept_cluster(self) -> bool:
        """A person accepts the other cluster for this profile. True when the session has to be opened again for it."""
        stranger, self.stranger = self.stranger, None
        if stranger is None or not stranger.whole:
            self.stranger = stranger
            return False
        if self._clusters is not None:
            self._clusters.remember(self.profile, stranger.cluster_id, stranger.members)
        if stranger.cluster_id != self.client.cluster_id:
            return True
        self.guard.trust(reopen=True)
        return False

    async def aclose(self) -> None:
        if self._first_look is not None:
            await self._first_look.close()
        if self._doctor is not None:
            await self._doctor.aclose()
        if "held" in self.__dict__:
            await self.held.aclose()
        await self.client.aclose()
        await self._keep()
        if self._tunnel is not None:
            await self._tunnel.aclose()


def _state_of(profile: Profile) -> Path:
    """Where drafts, journals and before-images are: a namespace has its own, because its keys mean others."""
    if not profile.namespace:
        return state_folder()
    return state_folder() / f"namespace-{hashlib.sha256(profile.namespace.encode()).hexdigest()[:16]}"


def _patterns_inside(profile: Profile) -> Profile:
    """Patterns about whole names hold inside of the namespace too: what is masked stays masked."""
    if not profile.namespace:
        return profile
    masks = dict.fromkeys(profile.mask.keys)
    for pattern in profile.mask.keys:
        masks |= dict.fromkeys(globs_below(pattern, profile.namespace))
    rules = list(profile.decoders)
    locks = dict.fromkeys(profile.locks)
    for pattern in profile.locks:
        locks |= dict.fromkeys(globs_below(pattern, profile.namespace))
    for rule in profile.decoders:
        rules += [replace(rule, match=pattern) for pattern in globs_below(rule.match, profile.namespace)]
    mask = replace(profile.mask, keys=tuple(masks))
    return replace(profile, mask=mask, decoders=tuple(rules), locks=tuple(locks))


async def _from_dns(profile: Profile) -> Profile:
    found: Profile = await own.discovery.discovered(profile)  # DNS is wanted by few profiles, and takes time to import
    return found


def patience(profile: Profile) -> float:
    """Seconds until a cluster that does not answer is given up when a session is opened."""
    return PATIENCE * (profile.dial_timeout or DIAL_TIMEOUT)


async def _close(client: Client | None, tunnel: Tunnel | None) -> None:
    if client is not None:
        await client.aclose()
    if tunnel is not None:
        await tunnel.aclose()


def _reason(health: ClusterHealth) -> EtcdError:
    """The most telling error of endpoints that did not answer."""
    errors = [endpoint.error for endpoint in health.endpoints if endpoint.error]
    if not errors:
        return Unavailable("no endpoint answered")
    if any(isinstance(error, NotEtcd) for error in errors):
        return next(error for error in errors if isinstance(error, NotEtcd))
    if health.state in (State.TLS, State.DENIED, State.LOGIN):
        return next((error for error in errors if type(error) is not Unavailable), errors[0])
    return errors[0]
