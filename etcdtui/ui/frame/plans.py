"""The plans that can be begun or gone on with, as items of a menu: the same on Members and on Doctor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.text import Text

from etcdtui.core.value import Value
from etcdtui.services.cluster.runbooks.mending import why_not_begin
from etcdtui.services.cluster.runbooks.spec import Kind, Runbook
from etcdtui.services.cluster.runbooks.store import RunbookStore
from etcdtui.services.cluster.view import ClusterView
from etcdtui.services.session.session import Session
from etcdtui.ui import limits
from etcdtui.ui.frame.host import VisitPlan
from etcdtui.ui.modals.picker import Item
from etcdtui.ui.text import safe

PLAN, BOOK = "plan ", "book "
"""What the values of items begin with."""
LISTED = 9


class Offer(Value):
    """One plan in a menu."""

    kind: Kind
    key: str
    label: str
    note: str


OFFERS = (
    Offer(Kind.HASHES, "h", "hash check", "do the members agree at one revision"),
    Offer(Kind.MAINTENANCE, "D", "rolling defrag", "every member, one after the other, the leader last"),
    Offer(Kind.NOSPACE, "N", "free space", "snapshot, compact, defragment, clear NOSPACE, probe"),
    Offer(Kind.LEADER, "L", "slow leader", "who could lead, with reasons; move the leadership"),
    Offer(Kind.RESTART, "R", "rolling restart", "you restart, the plan watches"),
    Offer(Kind.UPGRADE, "u", "upgrade check", "what stands against it, and in which order"),
    Offer(Kind.DOWNGRADE, "w", "downgrade", "one minor version, from 3.6 on; or cancel one"),
    Offer(Kind.QUORUM, "Q", "quorum lost", "what is known, a snapshot of the survivor, the ways out"),
    Offer(Kind.CORRUPT, "C", "CORRUPT", "find the member that differs; do not clear that alarm"),
)


def plan_items(view: ClusterView, books: Sequence[Runbook]) -> list[Item]:
    """Every plan, with why one is of no use now, and those that were begun."""
    items = [
        Item(
            PLAN + offer.kind.value, Text(offer.label), Text(offer.note), key=offer.key,
            reason=safe(why_not_begin(offer.kind, view), limit=limits.WORDS),
        )
        for offer in OFFERS
    ]  # fmt: skip
    for number, book in enumerate(books, 1):
        label = Text.assemble("go on: ", safe(book.title, limit=limits.NAME))
        items.append(Item(BOOK + book.id, label, safe(f"{book.progress} done"), key=str(number)))
    return items


def visit_of(value: str, books: Sequence[Runbook]) -> VisitPlan | None:
    """Where the value of such an item leads; ``None`` for any other. A plan that was begun is gone on with."""
    if value.startswith(BOOK):
        return VisitPlan(book=value.removeprefix(BOOK))
    if not value.startswith(PLAN):
        return None
    return plan_visit(Kind(value.removeprefix(PLAN)), books)


def plan_visit(kind: Kind, books: Sequence[Runbook]) -> VisitPlan:
    """The plan of that kind that is open already, else a new one."""
    return VisitPlan(kind=kind, book=next((book.id for book in books if book.kind is kind), ""))


async def open_books(session: Session) -> tuple[Runbook, ...]:
    """The plans of this cluster that were begun and not ended, the newest first."""
    store, profile, cluster = RunbookStore(session.writes.state), session.profile.name, session.health.cluster_id
    found = await asyncio.to_thread(store.listed, profile, cluster, open_only=True)
    return tuple(book for book in found if not book.untouched)[:LISTED]
