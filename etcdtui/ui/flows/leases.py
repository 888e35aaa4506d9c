"""Flows that change leases: grant, renew, revoke."""

from __future__ import annotations

from rich.text import Text

from etcdtui.core.types import Lease
from etcdtui.services.cluster.leases import LeaseBook, LeaseRow, lease_hex, parse_lease_id
from etcdtui.services.writing.run import Report
from etcdtui.ui import limits
from etcdtui.ui.errors import error_line
from etcdtui.ui.flows.template import Flow
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.text import safe

IDS = 1 << 63


class LeaseWriting(Flow):
    """The flows of leases; rows are read again before they are reviewed, for nothing can be sent to guard them."""

    async def grant(self, typed: str = "") -> int | None:
        """Grant a lease and return its ID; its seconds are asked for where none are given."""
        typed = typed or await self.ask("grant a lease", "seconds to live", value="60")
        if not typed:
            return None
        try:
            ttl = int(typed)
        except ValueError:
            self.flash("the TTL is a whole number of seconds", "warn")
            return None
        report = await self.run(self.session.admin.grant(ttl), "grant", _granted, tries=False)
        return report.answer.id if report is not None and isinstance(report.answer, Lease) else None

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


def _granted(report: Report) -> str:
    lease = report.answer
    return f"lease {lease_hex(lease.id)} granted for {lease.ttl} s" if isinstance(lease, Lease) else "lease granted"
