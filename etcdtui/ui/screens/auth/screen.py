"""Auth: users and roles side by side, what they add up to, and whether somebody may do something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from etcdtui.core.keypath import KeySyntaxError
from etcdtui.core.quoting import shell_quote
from etcdtui.core.search import Field, Record
from etcdtui.core.typed_range import typed_range
from etcdtui.core.types import Role, User
from etcdtui.core.units import counted
from etcdtui.services.cluster import access
from etcdtui.services.cluster.access import AccessView
from etcdtui.services.session.session import Session
from etcdtui.ui import limits
from etcdtui.ui.bindings import AUTH, Action
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Access, Host
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.screens.auth.rows import AccessRow
from etcdtui.ui.spawn import painted
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.grants import range_text
from etcdtui.ui.widgets.table import Column, LineTable

STACKED = 60
"""Below this width the panes are stacked instead of side by side."""


class AuthScreen(ListScreen[AccessRow]):
    """Users, roles, effective rights."""

    screen_name: ClassVar[str] = AUTH
    number: ClassVar[int] = 5
    label: ClassVar[str] = "Auth"
    about: ClassVar[str] = (
        "Users and roles, and what a user's roles add up to, range by range.\n"
        "c asks whether a user may read or write a key or a prefix, and why; M switches authentication on or off."
    )
    every: ClassVar[float] = 10.0
    filter_fields: ClassVar[Mapping[str, Field]] = {"kind": Field.NAME, "role": Field.NAME}

    DEFAULT_CSS = """
    AuthScreen #access-panes { layout: horizontal; height: 1fr; }
    AuthScreen #access-table { width: 42%; min-width: 36; }
    AuthScreen #access-detail { width: 1fr; height: 1fr; border-left: solid $panel; }
    AuthScreen.-zoom #access-table { display: none; }
    AuthScreen.-stacked #access-panes { layout: vertical; }
    AuthScreen.-stacked #access-table { width: 1fr; height: 1fr; min-width: 0; }
    AuthScreen.-stacked #access-detail { width: 1fr; border-left: none; border-top: solid $panel; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.access = AccessView()
        self.answer: list[Text] = []
        self._answered_for = ""
        self.table = LineTable(
            [
                Column("kind", "KIND", self._kind, lambda r: r.kind, least=4),
                Column("name", "NAME", self._row_name, lambda r: r.name, least=8, most=40, grow=True, firm=True),
                Column("has", "ROLES / USERS", self._has, least=6, most=30),
            ],
            lambda row: (row.kind, row.name),
            empty=Text("reading users and roles.."),
            marks=False,
            id="access-table",
        )
        self.detail = DetailLines()

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="access-panes"):
            yield self.table
            with Horizontal(id="access-detail"):
                yield self.detail

    # --- cells -------------------------------------------------------------------------------------------

    def _kind(self, row: AccessRow) -> Text:
        return Text(row.kind, self.table.lines.tone("muted"))

    def _row_name(self, row: AccessRow) -> Text:
        return safe(row.name, self.table.lines.tone("key" if row.user else "folder"), limit=limits.NAME)

    def _has(self, row: AccessRow) -> Text:
        if row.user is not None:
            if not row.user.roles:
                return Text("!no role", self.table.lines.tone("warn"))
            return safe(", ".join(row.user.roles), limit=limits.NAME)
        used = counted(len(self.access.users_of(row.name)), "user")
        grants = "all" if row.name == access.ROOT else counted(len(row.role.permissions) if row.role else 0, "perm")
        return Text(f"{used}, {grants}")

    # --- reading -----------------------------------------------------------------------------------------

    async def read(self) -> None:
        self.access = await self.session.cluster.access()
        view = self.access
        if view.problem is not None:
            self.table.set_empty(error_line(view.problem))
        elif not view.users and not view.roles:
            self.table.set_empty(Text("No users and no roles."))
        self.actions_changed()
        self.table.set_rows(
            [*(AccessRow(user=user) for user in view.users), *(AccessRow(role=role) for role in view.roles)]
        )
        self._show_detail()
        self.show_status()

    def show_status(self) -> None:
        view = self.access
        state = "not known" if view.enabled is None else "ENABLED" if view.enabled else "off"
        head = f"auth {state}" + (f", rev {view.revision}" if view.revision else "")
        parts = [Text(head), Text(f"users {len(view.users)}  roles {len(view.roles)}", "dim"), self.filter_text()]
        if view.enabled is False:
            parts.insert(0, Text("Auth is off. o explains what enabling does.", self.table.lines.tone("warn")))
        if view.limited:
            parts.append(safe(view.limited, self.table.lines.tone("warn"), limit=160))
        if view.problem is not None:
            parts.append(error_line(view.problem))
        self.set_status(*parts)

    def record_of(self, row: AccessRow) -> Record:
        roles = " ".join(row.user.roles) if row.user else row.name
        return {"text": f"{row.kind} {row.name} {roles}", "kind": row.kind, "role": roles}

    # --- the selected user or role -----------------------------------------------------------------------

    def on_line_table_row_moved(self) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.table.current
        if row is None:
            self.detail.show([])
            return
        if row.name != self._answered_for:
            self.answer = []
        lines = self._user_lines(row.user) if row.user else self._role_lines(row.role) if row.role else []
        self.detail.show([*lines, *self.answer])

    @property
    def _tight(self) -> bool:
        return 0 < self.detail.size.width < limits.NARROW

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < STACKED, "-stacked")
        painted(self, self._show_detail)

    def on_line_table_row_chosen(self) -> None:
        self.detail.focus()

    def _user_lines(self, user: User) -> list[Text]:
        tone = self.detail.tone
        lines = [
            Text.assemble(" USER ", safe(user.name, tone("key"), limit=limits.NAME)),
            Text.assemble(" roles: ", safe(", ".join(user.roles) or "none: may do nothing", limit=200)),
            Text(""),
            Text.assemble((" EFFECTIVE", tone("head")), f" ({counted(len(user.roles), 'role')} merged)"),
        ]
        rows = access.effective(user, self.access)
        if not rows:
            lines.append(Text("  nothing", tone("warn")))
        tight = self._tight
        wide = max((range_text(right.key, right.range_end, tight=tight).cell_len for right in rows), default=0)
        for right in rows:
            key = range_text(right.key, right.range_end, tight=tight)
            key.pad_right(max(0, wide - key.cell_len))
            what = " ".join(word for word, has in (("read", right.read), ("write", right.write)) if has)
            lines.append(
                Text.assemble(
                    "  ",
                    key,
                    "  ",
                    (f"{what:<11}", tone("good")),
                    (" from ", tone("muted")),
                    safe(", ".join(right.roles), limit=80),
                )
            )
        return [*lines, Text("")]

    def _role_lines(self, role: Role) -> list[Text]:
        tone = self.detail.tone
        users = self.access.users_of(role.name)
        lines = [
            Text.assemble(" ROLE ", safe(role.name, tone("folder"), limit=limits.NAME)),
            Text.assemble(" used by: ", safe(", ".join(users) or "nobody", limit=200)),
            Text(""),
            Text(" PERM       KEY AND RANGE", tone("head")),
        ]
        if role.name == access.ROOT:
            lines.append(Text("  everything", tone("warn")))
        for permission in role.permissions:
            lines.append(
                Text.assemble(f"  {permission.type.name.lower():<10}", range_text(permission.key, permission.range_end))
            )
            lines += [
                Text(f"             {words}", tone("warn"))
                for words in access.grant_warnings(permission.key, permission.range_end)
            ]
        pairs = access.overlaps(role)
        if pairs:
            lines += [Text(""), Text(" overlapping grants:", tone("warn"))]
            lines += [
                Text.assemble("  ", range_text(a.key, a.range_end), " and ", range_text(b.key, b.range_end))
                for a, b in pairs
            ]
        return [*lines, Text("")]

    # --- changes -----------------------------------------------------------------------------------------

    @property
    def _flows(self) -> Access:
        return self.host.access(self, lambda _: self.read_again(), lambda: self.access)

    def action_new(self) -> None:
        self.start_write(self._flows.new)

    def available_actions(self) -> list[Action]:
        """Switching authentication goes by the name of what it would do now."""
        enabled = self.access.enabled
        label = {None: "auth on or off", True: "disable auth", False: "enable auth"}[enabled]
        words = {
            None: "Enable or disable authentication, after saying what that means.",
            True: "Everybody may do everything then; says so and asks.",
            False: "Every call needs a login then; says what is wanted for it and asks.",
        }[enabled]
        return [
            replace(action, label=label, help=words) if action.id == "auth.switch" else action
            for action in super().available_actions()
        ]

    def action_switch(self) -> None:
        self.start_write(self._flows.switch)

    def action_edit(self) -> None:
        row = self.table.current
        if row is not None and row.user is not None:
            self.start_write(partial(self._flows.edit_user, row.user))
        elif row is not None and row.role is not None:
            self.start_write(partial(self._flows.edit_role, row.role))

    def action_delete(self) -> None:
        row = self.table.current
        if row is not None and row.user is not None:
            self.start_write(partial(self._flows.delete_user, row.user))
        elif row is not None and row.role is not None:
            self.start_write(partial(self._flows.delete_role, row.role))

    # --- can I -------------------------------------------------------------------------------------------

    def why_not(self, action_id: str) -> str:
        row = self.table.current
        if action_id in ("delete", "edit") and row is None:
            return "nothing is selected"
        if action_id == "auth.can_i" and (row is None or row.user is None):
            return "select a user"
        return super().why_not(action_id)

    def action_can_i(self) -> None:
        self.begin(self._can_i, "ask")

    async def _can_i(self) -> None:
        row = self.table.current
        if row is None or row.user is None:
            return
        typed = await self.ask(f"may {row.name} …?", "a key, or a prefix ending in / or *")
        if not typed:
            return
        try:
            wanted = typed_range(typed)
        except KeySyntaxError as error:
            self.flash(str(error), "warn")
            return
        tone = self.detail.tone
        lines = [
            Text.assemble((" CAN I? ", tone("head")), safe(row.name, limit=limits.NAME), "  ", range_text(*wanted))
        ]
        for write in (False, True):
            answer = access.can(row.user, self.access, wanted, write=write)
            word = "write" if write else "read"
            verdict = ("YES", tone("good")) if answer.allowed else ("NO ", tone("bad"))
            because = safe(answer.because, limit=160)
            if self._tight:
                lines += [Text.assemble(f"  {word:<6}", verdict), Text.assemble("    ", because)]
            else:
                lines.append(Text.assemble(f"  {word:<6}", verdict, "  ", because))
        self.answer, self._answered_for = lines, row.name
        self._show_detail()

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")

    def copies(self) -> Sequence[tuple[str, str, str]]:
        row = self.table.current
        if row is None:
            return ()
        what = f"etcdctl {row.kind} get {shell_quote(row.name.encode())}"
        return (("n", "name", row.name), ("e", "as etcdctl", what))
