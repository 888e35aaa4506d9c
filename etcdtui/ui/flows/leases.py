"""Flows that change leases: grant, renew, revoke."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from etcdtui.core.keypath import parse_key
from etcdtui.core.types import Lease
from etcdtui.services.cluster.lease_plans import MOST_TTL
from etcdtui.services.cluster.leases import LeaseBook, LeaseRow, lease_hex, parse_lease_id
from etcdtui.services.cluster.locks.recognise import Contender, Lock
from etcdtui.services.reads.reading import Want
from etcdtui.services.writing.run import Report
from etcdtui.ui import limits
from etcdtui.ui.errors import error_line
from etcdtui.ui.flows.many import ManyWriting
from etcdtui.ui.flows.template import Flow
from etcdtui.ui.modals.form import Filled, FormDialog, Line
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.text import safe

IDS = 1 << 63
YES, NO = ("y", "yes"), ("", "n", "no")
GRANT = (
    Line("ttl", "seconds to live", "60"),
    Line("id", "ID", placeholder="the server chooses; or hex"),
    Line("key", "attach a key", placeholder="none"),
    Line("value", "its value if new"),
    Line("hold", "hold alive", placeholder="no"),
)


class LeaseWriting(Flow):
    """The flows of leases; rows are read again before they are reviewed, for nothing can be sent to guard them."""

    async def grant(self, typed: str = "") -> int | None:
        """Grant a lease and return its ID; what is wanted of it is asked for where no seconds are given."""
        filled: Filled | None = None
        if not typed:
            filled = await self._ask_grant()
            if filled is None:
                return None
            typed = filled["ttl"]
        try:
            ttl = int(typed)
        except ValueError:
            self.flash("the TTL is a whole number of seconds", "warn")
            return None
        wanted = _wanted_id(filled["id"]) if filled is not None else 0
        report = await self.run(self.session.admin.grant(ttl, wanted), "grant", _granted, tries=False)
        if report is None or not isinstance(report.answer, Lease):
            return None
        lease = report.answer
        if filled is not None:
            await self._use(LeaseRow(lease.id, lease.ttl, lease.ttl, ()), filled)
        return lease.id

    async def _ask_grant(self) -> Filled | None:
        dialog = FormDialog(Text("grant a lease"), GRANT, problem=_grant_problem, preview=_grant_preview)
        return await self.face.app.push_screen_wait(dialog)

    async def _use(self, row: LeaseRow, filled: Filled) -> None:
        """What else was asked of a lease that is new: held alive first, for its time runs while a key is reviewed."""
        if filled["hold"].lower() in YES:
            await self.hold(row)
        if filled["key"]:
            key = parse_key(filled["key"])
            found = (await self.session.reads.one(Want(key, values=True))).kv
            value = found.value if found is not None else filled["value"].encode("utf-8", "surrogateescape")
            await ManyWriting(self.face, self.reload, self.session).put(key, value, lease=row.id)

    async def hold(self, row: LeaseRow) -> None:
        """Renew a lease for as long as the program runs."""
        write = self.session.admin.hold(row, self.session.held)
        words = f"{write.done} while this program runs"
        await self.run(write, "hold", lambda _: words, tries=False)

    async def revoke_many(self, rows: Sequence[LeaseRow], book: LeaseBook) -> None:
        """End several leases with their keys, which are read now."""
        await book.read([row.id for row in rows])
        write = self.session.admin.revoke_many([book.rows.get(row.id, row) for row in rows])
        await self.run(write, "revoke", lambda _: write.done, tries=False)

    async def keep_alive(self, row: LeaseRow) -> None:
        """Renew a lease once."""

        def done(report: Report) -> str:
            return f"lease {lease_hex(row.id)} renewed: {report.answer} s"

        await self.run(self.session.admin.keep_alive(row), "renew", done, tries=False)

    async def revoke(self, row: LeaseRow, book: LeaseBook) -> None:
        """End a lease with its keys, which are read now."""
        await book.read([row.id])
        write = self.session.admin.revoke(book.rows.get(row.id, row))
        await self.run(write, "revoke", lambda _: write.done, tries=False)

    async def break_lock(self, lock: Lock, contender: Contender, book: LeaseBook) -> None:
        """End the lease of one key of a lock's queue; it is read now, with all that hangs on it."""
        await book.read([contender.lease])
        row = book.rows.get(contender.lease, LeaseRow(contender.lease))
        write = self.session.admin.break_lock(lock, contender, row)
        await self.run(write, "break", lambda _: write.done, tries=False)

    async def find(self, typed: str, book: LeaseBook) -> LeaseRow | None:
        """An ID in hex or decimal: the lease that exists, asked for when both do."""
        try:
            meanings = [lease for lease in parse_lease_id(typed) if -IDS <= lease < IDS]
        except ValueError:
            meanings = []
        await book.read(meanings)
        rows = [row for lease in meanings if (row := book.rows.get(lease)) is not None]
        alive = [row for row in rows if row.ttl is not None and row.ttl >= 0]
        if not alive:
            failed = next((row.error for row in rows if row.error is not None), None)
            missing = Text.assemble("there is no lease ", safe(typed, limit=limits.NAME), ": ended, or not an ID")
            self.flash(error_line(failed) if failed is not None else missing, "warn")
            return None
        if len(alive) == 1:
            return alive[0]
        items = [Item(str(i), Text(lease_hex(one.id)), safe(f"{one.ttl} s left")) for i, one in enumerate(alive)]
        picked = await self.face.app.push_screen_wait(PickerDialog(Text("which lease"), items, typing=False))
        return None if picked is None else alive[int(picked)]


def _wanted_id(typed: str) -> int:
    """0 where none is wanted; hex as etcdctl prints IDs. Raises ``ValueError``."""
    return parse_lease_id(typed)[0] if typed else 0


def _grant_problem(filled: Filled) -> str:
    try:
        _wanted_id(filled["id"])
        parse_key(filled["key"])
    except ValueError as error:
        return str(error)
    if not filled["ttl"].isdecimal() or not 0 < int(filled["ttl"]) <= MOST_TTL:
        return "the TTL is a whole number of seconds"
    return "" if filled["hold"].lower() in (*YES, *NO) else "hold alive: yes or no"


def _grant_preview(filled: Filled) -> list[Text]:
    told = []
    if filled["key"]:
        told.append(Text("the key keeps its value if it exists, and goes when the lease ends", "dim"))
    if filled["hold"].lower() in YES:
        told.append(Text("renewed for as long as this program runs, then it runs out", "dim"))
    return told


def _granted(report: Report) -> str:
    lease = report.answer
    return f"lease {lease_hex(lease.id)} granted for {lease.ttl} s" if isinstance(lease, Lease) else "lease granted"
