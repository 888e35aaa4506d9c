"""Auth: users and roles side by side, what they add up to, and whether somebody may do something."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError
from etcdtui.core.quoting import shell_quote
from etcdtui.core.search import Field, Record
from etcdtui.core.typed_range import typed_range
from etcdtui.core.types import Permission, Role, User
from etcdtui.core.units import counted
from etcdtui.services.cluster import access
from etcdtui.services.cluster.access import AccessView
from etcdtui.services.cluster.endpoint_health import ClusterHealth, State
from etcdtui.services.reads import roots
from etcdtui.services.session.session import Session
from etcdtui.ui import limits
from etcdtui.ui.bindings import AUTH, Action
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.host import Access, Host
from etcdtui.ui.frame.listing import ListScreen
from etcdtui.ui.modals.form import Filled, FormDialog, Line
from etcdtui.ui.screens.auth.rows import AccessRow
from etcdtui.ui.spawn import painted
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.detail import DetailLines
from etcdtui.ui.widgets.grants import effective_lines, permission_words, range_text
from etcdtui.ui.widgets.panehead import Pane
from etcdtui.ui.widgets.table import Column, LineTable

DECIDING = 4
"""Grants and gaps shown for one answer."""
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
    AuthScreen.-stacked #access-detail { width: 1fr; border-left: none; }
    """

    def __init__(self, session: Session, host: Host) -> None:
        super().__init__(session, host)
        self.access = AccessView()
        self.answer: list[Text] = []
        self.problem: EtcdError | None = None
        self.seen = 0.0
        self.keys: dict[tuple[bytes, bytes], int] = {}
        self._was_without = False
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
            yield Pane("what it means", self.detail, id="access-detail")

    # --- cells -------------------------------------------------------------------------------------------

    def _kind(self, row: AccessRow) -> Text:
        return Text(row.kind, self.table.lines.tone("muted"))

    def _row_name(self, row: AccessRow) -> Text:
        tone = "muted" if self._old else "key" if row.user else "folder"
        return safe(row.name, self.table.lines.tone(tone), limit=limits.NAME)

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
        if self._leaderless:
            self._cannot_be_read()
            return
        view = await self.session.cluster.access()
        if view.problem is not None and self.access.users:  # what was seen before stays, and says of when it is
            self.problem = view.problem
            self.show_status()
            self.table.lines.model_changed()
            return
        self.access, self.problem, self.seen = view, None, time.time()
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
        await self._count()

    @property
    def _leaderless(self) -> bool:
        return self.session.health.state is State.NO_LEADER

    def _cannot_be_read(self) -> None:
        """Users and roles come from the leader: without one nobody is asked, and what was seen stays."""
        self.table.set_empty(Text("No leader: users and roles cannot be read now."))
        self.table.lines.model_changed()
        self.show_status()

    def health_changed(self, health: ClusterHealth) -> None:
        without = health.state is State.NO_LEADER
        if without and not self._was_without:
            self.workers.cancel_group(self, "read")
            self._cannot_be_read()
        elif self._was_without and not without:
            self.read_again()
        self._was_without = without

    def _tick(self) -> None:
        if not any(worker.group == "read" and not worker.is_finished for worker in self.workers):
            super()._tick()

    @property
    def _old(self) -> bool:
        """Whether what is shown is not of now."""
        return bool(self.access.users or self.access.roles) and (self._leaderless or self.problem is not None)

    async def _count(self) -> None:
        """Keys under the grants of what is selected: a grant without any is dead."""
        row = self.table.current
        if row is None or self._leaderless:
            return
        roles = [row.role] if row.role else [self.access.role(name) for name in row.user.roles] if row.user else []
        wanted = [(p.key or b"\0", p.range_end) for role in roles if role for p in role.permissions]
        counted_ = await self.session.cluster.count_keys([one for one in wanted if not ranges.is_empty(*one)])
        if counted_ != {one: self.keys[one] for one in counted_ if one in self.keys}:
            self.keys.update(counted_)
            self._show_detail()

    def show_status(self) -> None:
        view = self.access
        state = "not known" if view.enabled is None else "ENABLED" if view.enabled else "off"
        head = f"auth {state}" + (f", rev {view.revision}" if view.revision else "")
        parts = [Text(head), Text(f"users {len(view.users)}  roles {len(view.roles)}", "dim"), self.filter_text()]
        warn = self.table.lines.tone("warn")
        if view.enabled is False:
            parts.insert(0, Text("Auth is off. o explains what enabling does.", warn))
        if self._old:
            parts.insert(0, Text(f"as of {time.strftime('%H:%M:%S', time.localtime(self.seen))}", warn))
        elif self._leaderless:
            parts.insert(0, Text("NO LEADER: users and roles cannot be read", warn))
        if view.limited:
            parts.append(safe(view.limited, warn, limit=160))
        if (problem := self.problem or view.problem) is not None:
            parts.append(error_line(problem))
        row = self.table.current
        if row is not None and row.user is not None:
            parts.append(self._opens_on(row.user))
        self.set_status(*parts)

    def _opens_on(self, user: User) -> Text:
        """Where the Keys screen of that user would begin."""
        if access.ROOT in user.roles:
            return Text("its own etcdtui opens on everything", "dim")
        found = [role for role in (self.access.role(name) for name in user.roles) if role]
        start = roots.start_from([one for role in found for one in role.permissions])
        if not start.roots:
            return Text("its own etcdtui opens on " + ("everything" if not start.words else "nothing"), "dim")
        names = "  ".join(root.label for root in start.roots if root.readable) or "nothing it may read"
        return safe(f"its own etcdtui opens on {names}", "dim", limit=200)

    def record_of(self, row: AccessRow) -> Record:
        roles = " ".join(row.user.roles) if row.user else row.name
        return {"text": f"{row.kind} {row.name} {roles}", "kind": row.kind, "role": roles}

    # --- the selected user or role -----------------------------------------------------------------------

    def on_line_table_row_moved(self) -> None:
        self._show_detail()
        self.show_status()
        self.begin(self._count, "count")

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
        good = tone("muted" if self._old else "good")
        lines += effective_lines(rows, tight=self._tight, good=good, muted=tone("muted"))
        roles = [role for role in (self.access.role(name) for name in user.roles) if role]
        lines += self._dead_lines([permission for role in roles for permission in role.permissions])
        missing = [name for name in user.roles if name != access.ROOT and self.access.role(name) is None]
        if missing and not self.access.limited:
            lines.append(safe(f"  roles that do not exist: {', '.join(missing)}", tone("warn"), limit=200))
        lines.append(safe(f" {self._opens_on(user).plain}", tone("muted"), limit=200))
        return [*lines, Text("")]

    def _dead_lines(self, permissions: Sequence[Permission]) -> list[Text]:
        """Grants under which no key lies now, and such as can hold none."""
        tone = self.detail.tone
        found = []
        for one in permissions:
            key = (one.key or b"\0", one.range_end)
            if ranges.is_empty(*key):
                found.append(Text.assemble("  empty grant: ", range_text(*key), " can hold no key", style=tone("warn")))
            elif self.keys.get(key) == 0:
                found.append(Text.assemble("  dead grant: ", range_text(*key), "  no such keys", style=tone("muted")))
        return list({text.plain: text for text in found}.values())

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
        lines += self._dead_lines(role.permissions)
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
        if action_id in ("auth.can_i", "auth.color_keys") and (row is None or row.user is None):
            return "select a user"
        return super().why_not(action_id)

    def action_color_keys(self) -> None:
        """The tree in Keys in the colours of what this user may do; again on the same user: as it was."""
        row = self.table.current
        if row is None or row.user is None:
            return
        known = self.session.rights
        if known is not None and known.user == row.name:
            self.session.rights = None
            self.flash("Keys has its own colours again")
        else:
            namespace = self.session.profile.namespace.encode()
            self.session.rights = access.rights_of(row.user, self.access, namespace)
            self.flash(Text.assemble("Keys is coloured by the rights of ", safe(row.name, limit=limits.NAME)), "good")

    def action_can_i(self) -> None:
        self.begin(self._can_i, "ask")

    async def _can_i(self) -> None:
        row = self.table.current
        if row is None or row.user is None:
            return
        user = row.user

        def answer(typed: str) -> list[Text]:
            if not typed:
                return [Text("a key; a prefix as /app/ or /app*; a range as a..m; * is everything", "dim")]
            try:
                return self._can_i_lines(user, typed_range(typed))
            except KeySyntaxError as error:
                return [safe(str(error), limit=160)]

        def problem(filled: Filled) -> str:
            try:
                typed_range(filled["range"])
            except KeySyntaxError as error:
                return str(error)
            return "" if filled["range"] else "a key is missing"

        dialog = FormDialog(
            Text.assemble("may ", safe(row.name, limit=limits.NAME), " …?"),
            [Line("range", "key or range")],
            problem=problem,
            preview=lambda filled: answer(filled["range"]),
        )
        filled: Filled | None = await self.app.push_screen_wait(dialog)
        if filled is not None:
            self.answer, self._answered_for = self._can_i_lines(user, typed_range(filled["range"])), row.name
            self._show_detail()

    def _can_i_lines(self, user: User, wanted: tuple[bytes, bytes]) -> list[Text]:
        """Read and write, each with the grants that decide and what they leave out."""
        tone = self.detail.tone
        lines = [
            Text.assemble((" CAN I? ", tone("head")), safe(user.name, limit=limits.NAME), "  ", range_text(*wanted))
        ]
        for write in (False, True):
            answer = access.can(user, self.access, wanted, write=write)
            verdict = ("YES", tone("good")) if answer.allowed else ("NO ", tone("bad"))
            word = "write" if write else "read"
            because = safe(answer.because, limit=160)
            if self._tight:
                lines += [Text.assemble(f"  {word:<6}", verdict), Text.assemble("    ", because)]
            else:
                lines.append(Text.assemble(f"  {word:<6}", verdict, "  ", because))
            lines += [
                Text.assemble("         ", safe(role, limit=30), "  ", permission_words(one))
                for role, one in answer.covering[:DECIDING]
            ]
            lines += [
                Text.assemble("         not covered: ", range_text(*gap), style=tone("warn"))
                for gap in answer.missing[:DECIDING]
            ]
        return lines

    def action_zoom(self) -> None:
        self.toggle_class("-zoom")

    def copies(self) -> Sequence[tuple[str, str, str]]:
        row = self.table.current
        if row is None:
            return ()
        what = f"etcdctl {row.kind} get {shell_quote(row.name.encode())}"
        return (("n", "name", row.name), ("e", "as etcdctl", what))
