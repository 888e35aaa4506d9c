"""The one policy about writing: nothing that changes a cluster is sent without a permit from here.

``Guard.gate`` is handed to the client and sees every mutating call. A permit exists only inside
``with guard.permit(confirmed):``, for what ``guard.confirm`` was told a person agreed to; it belongs to one guard,
covers what the plan's scope says, and dies with the block.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field, replace
from enum import Enum
from typing import TYPE_CHECKING, Literal
from weakref import WeakSet

from etcdtui.config.schema import ACTIONS, FamilyRule, Profile
from etcdtui.core.errors import WriteRefused
from etcdtui.core.plan import (
    SNAPSHOT_PHRASE,
    ActionClass,
    Confirmation,
    ConfirmKind,
    WritePlan,
    glob_matches,
    glob_touches,
)
from etcdtui.core.ranges import below, contains, cut, prefix_range
from etcdtui.core.safe_text import safe_text
from etcdtui.core.types import WriteIntent
from etcdtui.core.value import Value, record
from etcdtui.services import values
from etcdtui.services.values.kubernetes import edit_refusal, is_kubernetes, object_name
from etcdtui.services.writing.confirmed import Confirmed

if TYPE_CHECKING:  # imported with the first key that is named in words
    from etcdtui.services.values.families.known import Families

ConfirmStyle = Literal["ask-danger", "ask", "type"]
RELOCK_AFTER = 15 * 60.0
DELETE_KEYS_LIMIT = 100
VALUE_SIZE_LIMIT = 512 * 1024
OTHER_CLUSTER = "another cluster answers at these endpoints"
KEY_SHOWN = 80
"""Characters of a key named in a refusal."""


class GuardPolicy(Value):
    """What profile and environment say. ``relock_after`` in seconds, 0 never locks by itself.

    ``environment`` is empty when the profile names none; ``unlock`` says what ``!`` asks for: the profile's name
    typed, or nothing but the key. Keys have the names that are shown, without ``namespace``; ``protect`` covers the
    names shown and the whole ones.
    """

    profile: str = ""
    namespace: bytes = b""
    environment: str = ""
    read_only: bool = True
    confirm: ConfirmStyle = "type"
    unlock: Literal["name", "key"] = "name"
    relock_after: float = RELOCK_AFTER
    allow: frozenset[str] = frozenset(ACTIONS)
    protect: tuple[str, ...] = ()
    allow_kubernetes_writes: bool = False
    delete_keys: int = DELETE_KEYS_LIMIT
    value_size: int = VALUE_SIZE_LIMIT
    forced_read_only: bool = False
    because: str = "started with --read-only"
    """Why writes can never be unlocked, where they are forced to stay locked."""
    dry_run: bool = False
    families: tuple[FamilyRule, ...] = ()


def policy_of(
    profile: Profile, *, forced_read_only: bool = False, dry_run: bool = False, because: str = ""
) -> GuardPolicy:
    """The policy of a profile as the loader resolved it; the two flags are ``--read-only`` and ``--dry-run``.

    ``because`` is why it is forced to be read-only, where no flag says so.
    """
    env = profile.env
    confirm: ConfirmStyle = "type" if env.confirm == "type" else "ask" if env.confirm == "ask" else "ask-danger"
    return GuardPolicy(
        profile=profile.name,
        namespace=profile.namespace.encode(),
        environment=profile.environment,
        read_only=profile.read_only,
        confirm=confirm,
        unlock="name" if env.unlock == "name" else "key",
        relock_after=env.relock_after,
        allow=frozenset(profile.allow),
        protect=profile.protect,
        allow_kubernetes_writes=profile.allow_kubernetes_writes,
        delete_keys=profile.limits.delete_keys,
        value_size=profile.limits.value_size,
        forced_read_only=forced_read_only,
        because=because or "started with --read-only",
        dry_run=dry_run,
        families=profile.families,
    )


class UnlockKind(Enum):
    NOTHING = "nothing"
    NAME = "name"
    NEVER = "never"


class UnlockRequirement(Value):
    """What ``!`` must ask: nothing, the ``word``, or it cannot be unlocked for ``reason``."""

    kind: UnlockKind
    word: str = ""
    reason: str = ""


SNAPSHOT_FOR = 900.0
"""Seconds for which a snapshot that this program verified answers the question for one."""
ACTION_OF_SERVICE = {
    "Lease": "lease",
    "Cluster": "member",
    "Maintenance": "maintenance",
    "Auth": "auth",
    "Lock": "lock",
    "Election": "lock",
}


def actions_of(intent: WriteIntent) -> frozenset[str]:
    """Which ``allow`` words an intent needs."""
    service, _, name = intent.method.partition("/")
    if service != "KV":
        return frozenset({ACTION_OF_SERVICE.get(service, service.lower())})
    if name == "Compact":
        return frozenset({"maintenance"})
    wanted = {"put"} if intent.puts else set()
    if intent.deletes:
        wanted.add("delete")
    return frozenset(wanted or ({"delete"} if name == "DeleteRange" else {"put"}))


@record(frozen=False)
class Permit:
    """``used`` once something was let through: before that nothing was sent."""

    guard: Guard
    plan: WritePlan
    alive: bool = True
    used: bool = False


_permit: ContextVar[Permit | None] = ContextVar("etcdtui_write_permit", default=None)


@record(frozen=False)
class Guard:
    """READ-ONLY or WRITES ON for one opened profile. ``clock`` is monotonic seconds; ``hook`` sees granted intents."""

    policy: GuardPolicy
    clock: Callable[[], float] = time.monotonic
    hook: Callable[[WriteIntent], None] | None = None
    kubernetes_store: bool = False
    locked_because: str = ""
    distrusted: str = ""
    """Why writes cannot be unlocked at all: another cluster may be behind the endpoints."""
    cluster_id: int = 0
    _open: bool = field(init=False)
    _touched: float = field(init=False)
    _snapshot_at: float | None = field(init=False)
    _agreed: WeakSet[Confirmed] = field(init=False)
    _courses: WeakSet[Confirmed] = field(init=False)
    _named: bool = field(init=False)
    """The profile's name was typed for the unlock that is open now."""

    def __post_init__(self) -> None:
        self._open = not (self.policy.read_only or self.policy.forced_read_only)
        self._touched = self.clock()
        self._snapshot_at = None
        self._agreed = WeakSet()
        self._courses = WeakSet()
        self._named = False

    # -- state -------------------------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        self._relock_when_idle()
        return self._open

    @property
    def state_word(self) -> str:
        return "WRITES ON" if self.writable else "READ-ONLY"

    @property
    def dry_run(self) -> bool:
        return self.policy.dry_run

    @property
    def relocks(self) -> bool:
        """Whether an unlock ends by itself: only where the profile starts READ-ONLY."""
        return self.starts_read_only and self._relock_after > 0

    @property
    def starts_read_only(self) -> bool:
        return self.policy.read_only or (self.kubernetes_store and not self.policy.environment)

    @property
    def production(self) -> bool:
        """Prod rules: asked for, or the store is an apiserver's and the profile names no environment."""
        return self.policy.confirm == "type" or (self.kubernetes_store and not self.policy.environment)

    @property
    def _relock_after(self) -> float:
        return self.policy.relock_after or (RELOCK_AFTER if self.production else 0.0)

    def relock_in(self) -> float | None:
        """Seconds until the idle lock, or ``None`` when there is nothing to count down."""
        if not (self._open and self.relocks):
            return None
        return max(0.0, self._relock_after - (self.clock() - self._touched))

    def touch(self) -> None:
        """A person did something: the idle countdown starts again (unless it has run out already)."""
        self._relock_when_idle()
        self._touched = self.clock()

    def locked_words(self, because: str = "") -> str:
        """Why writes are locked, and the key that unlocks them where one does."""
        need = self.unlock_requirement()
        if need.kind is UnlockKind.NEVER:
            return f"READ-ONLY: {need.reason}"
        return f"READ-ONLY{f' ({because})' if because else ''}: press ! to unlock writes"

    def unlock_requirement(self) -> UnlockRequirement:
        if self.policy.forced_read_only:
            return UnlockRequirement(UnlockKind.NEVER, reason=self.policy.because)
        if self.distrusted:
            return UnlockRequirement(UnlockKind.NEVER, reason=self.distrusted)
        if self.production or self.policy.unlock == "name":
            return UnlockRequirement(UnlockKind.NAME, word=self.policy.profile)
        return UnlockRequirement(UnlockKind.NOTHING)

    def unlock(self, typed: str = "") -> bool:
        """Open for writes if ``typed`` is what is asked; a wrong word changes nothing."""
        wanted = self.unlock_requirement()
        if wanted.kind is UnlockKind.NEVER or (wanted.kind is UnlockKind.NAME and typed.strip() != wanted.word):
            return False
        self._open = True
        self._named = wanted.kind is UnlockKind.NAME
        self.locked_because = ""
        self._touched = self.clock()
        return True

    def lock(self, reason: str = "locked by you") -> None:
        self._open = self._named = False
        self.locked_because = reason

    def connection_lost(self) -> None:
        """Whoever answers next may be another cluster: an unlock does not survive that."""
        if self._open and self.starts_read_only:
            self.lock("the connection was lost")

    def observe_cluster(self, cluster_id: int) -> None:
        """Tell which cluster answered; a change locks, whatever the environment."""
        if self.cluster_id and cluster_id and cluster_id != self.cluster_id:
            self.distrust(OTHER_CLUSTER)
        self.cluster_id = cluster_id or self.cluster_id

    def distrust(self, reason: str) -> None:
        """Lock, and let nobody unlock before ``trust``."""
        self.distrusted = reason
        self.lock(reason)

    def trust(self, *, reopen: bool = False) -> None:
        """What was distrusted is over; with ``reopen`` a person said so, and writes are as the profile starts them."""
        if self.distrusted:
            self.distrusted = ""
            if reopen and not (self.starts_read_only or self.policy.forced_read_only):
                self._open, self.locked_because = True, ""
                self._touched = self.clock()

    def note_kubernetes_store(self) -> None:
        """The store is an apiserver's: without a named environment it is treated as production from now on."""
        if not self.kubernetes_store:
            self.kubernetes_store = True
            if self._open and not self.policy.environment:
                self.lock("this store belongs to a kube-apiserver")

    def _relock_when_idle(self) -> None:
        left = self.relock_in()
        if left is not None and left <= 0:
            self.lock("locked again after idle time")

    def note_snapshot(self) -> None:
        """A snapshot was saved and verified here: for some time nobody has to say that there is one."""
        self._snapshot_at = self.clock()

    def _has_snapshot(self) -> bool:
        return self._snapshot_at is not None and self.clock() - self._snapshot_at < SNAPSHOT_FOR

    # -- judging a plan ----------------------------------------------------------------------------------------

    def refusal(self, plan: WritePlan, *, locked_matters: bool = True) -> str:
        """Why the plan may not run now, in a sentence; empty when it may."""
        if plan.blocked:
            return plan.blocked
        if locked_matters and not self.writable:
            because = f" ({self.locked_because})" if self.locked_because else ""
            return f"this profile is READ-ONLY{because}; ! unlocks it"
        for key in plan.keys:
            if why := self.key_refusal(key):
                return why
        heads = dict(plan.values)
        for key in plan.keys:
            if why := self._kubernetes_refusal(key, heads.get(key, b""), plan):
                return why
        return ""

    def whole(self, key: bytes) -> bytes:
        """The name by which the store knows a key."""
        return self.policy.namespace + key

    @property
    def families(self) -> Families:
        """Whose keys are whose, by the names that are shown."""
        made: Families = values.families.known.of(self.policy.families, self.policy.namespace)
        return made

    def key_refusal(self, key: bytes) -> str:
        """Whether the profile's ``protect`` list covers ``key``."""
        for pattern in self.policy.protect:
            if glob_matches(pattern, key) or glob_matches(pattern, self.whole(key)):
                return f"the profile protects {pattern}"
        return ""

    def why_not(self, key: bytes) -> str:
        """Why this key can never be written from this profile, before anything is edited; empty when it can."""
        return self.key_refusal(key) or self._foreign(key)

    def _kubernetes_refusal(self, key: bytes, head: bytes, plan: WritePlan) -> str:
        if not is_kubernetes(self.whole(key), head):
            return ""
        if plan.scope.may_put(key) and (why := edit_refusal(self.whole(key), head)):
            return why
        if not self.policy.allow_kubernetes_writes:
            shown = safe_text(key, limit=KEY_SHOWN).text
            return f"{shown} is a kube-apiserver's key: the profile needs allow_kubernetes_writes: true"
        return ""

    def confirmation(self, plan: WritePlan) -> Confirmation:
        """What a person must do to agree. The name to type is that of the thing destroyed, never "yes"."""
        word = plan.target_word or self.policy.profile
        level = plan.action_class
        if any(is_kubernetes(self.whole(k), dict(plan.values).get(k, b"")) for k in plan.keys) and plan.scope.deletes:
            name = object_name(plan.target).decode("utf-8", "backslashreplace")
            return Confirmation(ConfirmKind.TYPE, name or word)
        style: ConfirmStyle = "type" if self.production else self.policy.confirm
        if level is ActionClass.R1:
            return Confirmation(ConfirmKind.REVIEW)
        if level is ActionClass.R4:
            asks = style == "type" and not self._has_snapshot()
            return Confirmation(ConfirmKind.TYPE, word, SNAPSHOT_PHRASE if asks else "")
        if level is ActionClass.R3:
            if style == "ask-danger":
                return Confirmation(ConfirmKind.ASK)
            return Confirmation(ConfirmKind.TYPE, self.policy.profile or word)
        return Confirmation(ConfirmKind.TYPE, word) if style == "type" else Confirmation(ConfirmKind.ASK)

    # -- permits -----------------------------------------------------------------------------------------------

    def confirm(self, plan: WritePlan, typed: str = "", second: str = "") -> Confirmed:
        """A person saw the plan and agreed, by typing what ``confirmation`` asks for where it asks.

        Raises ``WriteRefused`` when the plan may not run now, or when something else was typed.
        """
        if why := self.refusal(plan):
            raise WriteRefused(why)
        wanted = self.confirmation(plan)
        if not wanted.accepts(typed, second):
            raise WriteRefused(wanted.mismatch(typed))
        confirmed = Confirmed(plan)
        self._agreed.add(confirmed)
        return confirmed

    # -- courses of several plans ------------------------------------------------------------------------------

    def confirm_by_unlock(self, plan: WritePlan) -> Confirmed | None:
        """A course that asks for the profile's name, where that was typed for the unlock just now; else ``None``."""
        wanted = self.confirmation(plan)
        same = wanted.kind is ConfirmKind.TYPE and wanted.word == self.policy.profile and not wanted.phrase
        return self.confirm(plan, wanted.word) if self._named and same and not self.refusal(plan) else None

    def begin_course(self, confirmed: Confirmed) -> None:
        """What was confirmed is a course: its plan is never sent, and its steps may follow it."""
        if confirmed not in self._agreed:
            raise WriteRefused("this sequence of steps was not confirmed")
        self._agreed.discard(confirmed)
        self._courses.add(confirmed)

    def confirm_step(self, course: Confirmed, plan: WritePlan) -> Confirmed:
        """One step of a course that a person agreed to as a whole; nothing is typed for it.

        Raises ``WriteRefused`` when it may not run now, and when it weighs more than the course or calls what the
        course does not name: such a step is confirmed by itself.
        """
        if course not in self._courses:
            raise WriteRefused("the sequence of steps that this one belongs to was not confirmed")
        if why := self.refusal(plan):
            raise WriteRefused(why)
        if plan.action_class > course.plan.action_class or not plan.scope.methods <= course.plan.scope.methods:
            raise WriteRefused("this step has to be confirmed by itself")
        confirmed = Confirmed(plan)
        self._agreed.add(confirmed)
        return confirmed

    @contextmanager
    def permit(self, confirmed: Confirmed) -> Iterator[Permit]:
        """Let exactly this plan through for the length of the block, once.

        Raises ``WriteRefused`` when it may not run now, or was not confirmed here.
        """
        if confirmed not in self._agreed:
            raise WriteRefused("this plan was not confirmed, or it was sent already")
        if why := self.refusal(confirmed.plan):
            raise WriteRefused(why)
        if self.dry_run:
            raise WriteRefused("this is a dry run (--dry-run)")
        self._agreed.discard(confirmed)
        permit = Permit(self, confirmed.plan)
        token = _permit.set(permit)
        self._touched = self.clock()
        try:
            yield permit
        finally:
            permit.alive = False
            _permit.reset(token)

    def gate(self, intent: WriteIntent) -> None:
        """The client's write gate: refuse whatever no living permit of this guard covers."""
        permit = _permit.get()
        if permit is None or not permit.alive or permit.guard is not self:
            raise WriteRefused(f"{intent.method} without a confirmed plan")
        if not self._open:
            raise WriteRefused("this profile is READ-ONLY")
        if self.dry_run:
            raise WriteRefused("this is a dry run (--dry-run)")
        shown = self._as_shown(intent)
        if why := permit.plan.scope.refusal(shown):
            raise WriteRefused(why)
        if missing := actions_of(intent) - self.policy.allow:
            raise WriteRefused(f"the profile does not allow: {', '.join(sorted(missing))}")
        self._check_keys(shown, listed=permit.plan.scope.listed)
        self._touched = self.clock()  # a long batch that was agreed to is not idle time
        if self.hook is not None:
            self.hook(intent)
        permit.used = True

    def _as_shown(self, intent: WriteIntent) -> WriteIntent:
        """What the client is about to write, told by the store's names, by those without the namespace."""
        prefix = self.policy.namespace
        if not prefix:
            return intent
        puts = [cut(prefix, key) for key in intent.puts]
        deletes = [cut(prefix, *area) for area in intent.deletes]
        kept = [one for one in (*puts, *deletes) if one is not None]
        outside = any(not contains(prefix_range(prefix), area) for area in intent.deletes)
        if outside or len(kept) < len(puts) + len(deletes):
            raise WriteRefused("it reaches outside of the profile's namespace")
        return replace(intent, puts=tuple(key for key, _ in kept[: len(puts)]), deletes=tuple(kept[len(puts) :]))

    def _check_keys(self, intent: WriteIntent, *, listed: bool) -> None:
        for key in intent.puts:
            if why := self.key_refusal(key) or self._foreign(key):
                raise WriteRefused(why)
        for key, end in intent.deletes:
            if end == b"":
                why = self.key_refusal(key) or self._foreign(key)
            elif listed:
                why = ""
            else:
                why = next(
                    (
                        f"the range reaches into protected {p}"
                        for p in self.policy.protect
                        if glob_touches(p, key, end) or glob_touches(p, *below(self.policy.namespace, key, end))
                    ),
                    "",
                )
            if why:
                raise WriteRefused(why)

    def _foreign(self, key: bytes) -> str:
        if is_kubernetes(self.whole(key)) and not self.policy.allow_kubernetes_writes:
            return "a kube-apiserver's key: the profile needs allow_kubernetes_writes: true"
        return ""
