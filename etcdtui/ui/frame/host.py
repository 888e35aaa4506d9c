"""What a screen may ask of the program around it: the write flows, and other screens.

Flows are above the screens, and screens are strangers to each other; so a screen gets a ``Host`` in its constructor
and asks that. The program gives ``ui.flows.host.FlowHost``, a test may give its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rich.text import Text
from textual.app import App

from etcdtui.core import ranges
from etcdtui.core.types import KeyValue
from etcdtui.core.value import Value
from etcdtui.ui.widgets.tabs import Tab

if TYPE_CHECKING:  # only named here, and importing the client must wait for the first paint
    from etcdtui.core.etcdctl_grammar import Get
    from etcdtui.core.tree import Path as FieldPath
    from etcdtui.core.txn_text import TxnSpec
    from etcdtui.core.types import Role, TxnResult, User
    from etcdtui.services.cluster.access import AccessView
    from etcdtui.services.cluster.leases import LeaseBook, LeaseRow
    from etcdtui.services.cluster.locks.recognise import Contender, Lock
    from etcdtui.services.cluster.runbooks.spec import Kind, Runbook
    from etcdtui.services.cluster.view import ClusterView, MemberRow
    from etcdtui.services.reads.search import Hit
    from etcdtui.services.session.session import Session
    from etcdtui.services.writing.compare import DiffRow
    from etcdtui.services.writing.txns import Evaluated
    from etcdtui.services.writing.undolog import UndoEntry
    from etcdtui.ui.modals.picker import Item


class Face(Protocol):
    """What a flow needs of the screen that asks for it: where its dialogs are shown and where it tells."""

    @property
    def app(self) -> App[Any]: ...

    @property
    def session(self) -> Session: ...

    def flash(self, message: str | Text, tone: str = "accent") -> None: ...

    def refresh_chrome(self) -> None: ...

    def set_status(self, *parts: Text) -> None: ...


class Writing(Protocol):
    """Every write of keys: asked for, reviewed, guarded, recorded, told on the screen.

    Each is a coroutine to be run in a worker of the screen, one at a time: it waits for dialogs. Expected failures
    end as a flash.
    """

    async def edit(self, key: bytes, *, external: bool = False, revealed: bool = False) -> None:
        """Edit a value; ``external`` in ``$EDITOR``. ``revealed`` says that what is masked of it is shown already."""

    async def edit_field(self, key: bytes, path: FieldPath) -> None:
        """Edit one field of a JSON or YAML value."""

    async def new(self, prefix: bytes) -> None:
        """A new key, its name asked for beginning with ``prefix``."""

    async def put(self, key: bytes, value: bytes, *, lease: int = 0) -> None:
        """Put a value that is known; ``lease`` 0 keeps the lease the key has."""

    async def set_lease(self, key: bytes) -> None:
        """Put a key on another lease, or take it off its lease; the value stays."""

    async def put_file(self, key: bytes, path: Path, *, lease: int = 0) -> None:
        """Put the content of a file."""

    async def load(self, key: bytes) -> None:
        """Put the bytes of a file that is asked for."""

    async def restore(self, version: KeyValue) -> None:
        """Put an older version back."""

    async def delete_key(self, key: bytes) -> None:
        """Delete one key."""

    async def delete_marked(self, paths: Sequence[bytes], folders: Collection[bytes]) -> None:
        """Delete keys and whole ``folders`` in one plan."""

    async def delete_prefix(self, prefix: bytes) -> None:
        """Delete everything below a prefix."""

    async def delete_range(self, key: bytes, end: bytes, label: bytes) -> None:
        """Delete everything in a range; ``label`` is what was asked for."""

    async def move(self, source: bytes, *, folder: bool, keep: bool) -> None:
        """Rename a key or a folder, or clone it (``keep``), to a name that is asked for."""

    async def undo(self, entry: UndoEntry | None) -> None:
        """Undo an entry of this run, or the newest one."""

    async def undelete(self, prefix: bytes, revision: int = 0) -> None:
        """Create again what was deleted below a prefix, as it was at ``revision`` (0: found by walking back)."""

    async def export(self, prefix: bytes, name: str = "") -> None:
        """Every key below a prefix into a new file."""

    async def import_(self, name: str = "") -> None:
        """The keys of a file of an export."""

    async def transact(self, spec: TxnSpec) -> TxnResult | None:
        """Run a free transaction; its answer when it ran."""

    async def try_transaction(self, spec: TxnSpec) -> Evaluated | None:
        """Evaluate a free transaction by reads, on record as a dry run."""

    async def copy(self, rows: Sequence[DiffRow], prefix: bytes, source: str = "") -> None:
        """Copy the left side of compared rows to a prefix; ``source`` names the snapshot that is the left side."""

    async def look_after(self) -> bool:
        """Once after a start: what a crash left behind. True when it can be recovered now."""

    async def recover(self) -> None:
        """Offer to finish or roll back moves that were cut."""


class Leases(Protocol):
    """Every change of leases, as ``Writing`` has those of keys."""

    async def grant(self, typed: str = "") -> int | None:
        """Grant a lease and return its ID; its seconds are asked for where none are given."""

    async def keep_alive(self, row: LeaseRow) -> None:
        """Renew a lease once."""

    async def revoke(self, row: LeaseRow, book: LeaseBook) -> None:
        """End a lease with its keys, which are read now."""

    async def revoke_many(self, rows: Sequence[LeaseRow], book: LeaseBook) -> None:
        """End several leases with their keys, which are read now."""

    async def hold(self, row: LeaseRow) -> None:
        """Renew a lease for as long as the program runs."""

    async def break_lock(self, lock: Lock, contender: Contender, book: LeaseBook) -> None:
        """End the lease of one key of a lock's queue, with all that hangs on it."""


class Members(Protocol):
    """Every change of members, and the upkeep."""

    async def make_leader(self, row: MemberRow) -> None: ...

    async def remove_member(self, row: MemberRow) -> None: ...

    async def update_member(self, row: MemberRow, typed: str = "") -> None:
        """Other peer URLs, asked for where none are given."""

    async def add_member(self, name: str = "", typed: str = "") -> None:
        """Add a learner; its name and peer URLs are asked for where they are not given."""

    def offers(self, row: MemberRow | None, books: Sequence[Runbook]) -> list[Item]:
        """The maintenance of the cluster and of a member, with the plans there are and the ones that were begun."""

    async def do(self, value: str, row: MemberRow | None, books: Sequence[Runbook]) -> Visit | None:
        """Do what was chosen of the offers; where it is a plan, its visit is returned instead."""


class Access(Protocol):
    """Every change of users and roles."""

    async def new(self) -> None:
        """A user or a role."""

    async def switch(self) -> None:
        """Authentication on or off."""

    async def edit_user(self, user: User) -> None: ...

    async def edit_role(self, role: Role) -> None: ...

    async def delete_user(self, user: User) -> None: ...

    async def delete_role(self, role: Role) -> None: ...


class Visit(Value):
    """Another screen with what it should show; each screen that is opened above others has a subclass here."""


class VisitHistory(Visit):
    """Versions of a key, or changes below a prefix (``folder``). ``other`` is a second key to compare with;
    ``frozen`` says why nothing can be put back from there."""

    path: bytes
    folder: bool = False
    other: bytes = b""
    within: tuple[bytes, bytes] = ranges.ALL
    frozen: str = ""


class VisitCensus(Visit):
    """Who takes the space below a prefix, as far as ``within`` reaches."""

    prefix: bytes
    within: tuple[bytes, bytes] = ranges.ALL


class VisitSearch(Visit):
    """Search below a prefix, as far as ``within`` reaches. ``found`` are the hits of one that was left, ``at`` the one
    it was left with, ``told`` what it said of itself."""

    prefix: bytes
    words: str
    within: tuple[bytes, bytes] = ranges.ALL
    values: bool = False
    found: tuple[Hit, ...] = ()
    at: bytes = b""
    told: str = ""


class VisitResults(Visit):
    """What a ``get`` of the command line answers."""

    wanted: Get


class VisitPlan(Visit):
    """A plan with steps: the one that is kept as ``book``, else a new one of a ``kind``; for a replacement with the
    member, and name and URLs of the new one."""

    kind: Kind | None = None
    book: str = ""
    member: int = 0
    name: str = ""
    urls: tuple[str, ...] = ()


class Side(Value):
    """A prefix of an opened profile, or with ``alone`` one key."""

    session: Session
    prefix: bytes
    alone: bool = False


class VisitCompare(Visit):
    """Two prefixes side by side, of one cluster or of two."""

    left: Side
    right: Side


class Chosen(Value):
    """What a visited screen was left with: a place to go to, keys to mark, or what should be brought back.

    ``again`` shows the screen as it was, from the place that was chosen in it.
    """

    place: bytes = b""
    marks: frozenset[bytes] = frozenset()
    restore: KeyValue | None = None
    undelete: int = 0
    again: Visit | None = None


class Host(Protocol):
    """The program around a screen. ``tabs`` are the main screens there are, ``keymap`` is the user's keys."""

    tabs: tuple[Tab, ...]
    keymap: Mapping[str, str]

    def writing(self, face: Face, reload: Callable[[bytes], None], session: Session | None = None) -> Writing:
        """The write flows for a screen; ``reload`` shows what changed below a prefix. ``session`` is whose cluster is
        written, the screen's where none is given.

        Imports them when they are first wanted, which takes a moment.
        """
        ...

    def leases(self, face: Face, reload: Callable[[bytes], None]) -> Leases:
        """The changes of leases; ``reload`` reads them again."""
        ...

    def members(self, face: Face, reload: Callable[[bytes], None], view: Callable[[], ClusterView]) -> Members:
        """The changes of members, which ``view`` gives as they are known now."""
        ...

    def access(self, face: Face, reload: Callable[[bytes], None], view: Callable[[], AccessView]) -> Access:
        """The changes of users and roles, which ``view`` gives as they are known now."""
        ...

    def visit(self, face: Face, wanted: Visit, then: Callable[[Chosen], None] | None = None) -> None:
        """Show another screen above ``face``; ``then`` gets what was chosen in it."""
        ...
