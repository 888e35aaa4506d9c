"""Changing users and roles from the Auth screen: add, edit, delete, and switching authentication on or off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from rich.text import Text

from etcdtui.config.secrets import Secret
from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError
from etcdtui.core.plan import WritePlan
from etcdtui.core.typed_range import typed_range
from etcdtui.core.types import Permission, PermissionType, Role, User
from etcdtui.services.cluster import access
from etcdtui.services.cluster.access import AccessView
from etcdtui.ui.bindings import Action
from etcdtui.ui.errors import error_line
from etcdtui.ui.frame.listing import ListScreen, verb_of
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PasswordDialog
from etcdtui.ui.screens.auth.rows import NAME_LIMIT, AccessRow, permission_words, range_text
from etcdtui.ui.text import safe


class AuthChangeMixin(ListScreen[AccessRow]):
    """``n``, ``e``, ``d`` and ``M`` of the Auth screen."""

    access: AccessView

    async def change(self, plan: WritePlan, call: Callable[[], Awaitable[object]], words: str) -> bool:
        """Review, send and tell one change of users or roles."""

        async def send() -> str:
            await call()
            return words

        return await self.write(plan, send, verb=verb_of(plan.action))

    async def pick(self, title: Text, items: list[Item]) -> str | None:
        return await self.app.push_screen_wait(PickerDialog(title, items, typing=False))

    async def password_for(self, name: str) -> Secret | None:
        """A new password, typed twice; ``None`` when the person gave up or the two differ."""
        first: Secret | None = await self.app.push_screen_wait(
            PasswordDialog(Text.assemble("new password of ", safe(name, limit=40)), enter="ok")
        )
        if first is None:
            return None
        second: Secret | None = await self.app.push_screen_wait(
            PasswordDialog(Text("the same password again"), enter="ok")
        )
        if second is None:
            return None
        if first.reveal() != second.reveal():
            self.flash("the two passwords differ; nothing was changed", "warn")
            return None
        return first

    # --- new ---------------------------------------------------------------------------------------------

    def action_new(self) -> None:
        self.begin(self._new, "write")

    async def _new(self) -> None:
        items = [
            Item("user", Text("user"), Text("with a password"), key="u"),
            Item("nopass", Text("user without password"), Text("comes in by client certificate"), key="c"),
            Item("role", Text("role"), Text("a set of permissions"), key="r"),
        ]
        choice = await self.pick(Text("new"), items)
        if choice == "role":
            await self.add_role()
        elif choice in ("user", "nopass"):
            await self.add_user(with_password=choice == "user")

    async def add_role(self, name: str = "") -> None:
        """Add a role; its name is asked for where none is given."""
        name = name or await self.ask("name of the new role") or ""
        if name:
            auth = self.session.client.auth
            await self.change(access.role_add(name), lambda: auth.role_add(name), f"role {name} added")

    async def add_user(self, name: str = "", *, with_password: bool) -> None:
        """Add a user; the password is typed twice here, the name where none is given."""
        name = name or await self.ask("name of the new user") or ""
        if not name:
            return
        password = await self.password_for(name) if with_password else None
        if with_password and password is None:
            return
        await self.change(
            access.user_add(name, no_password=not with_password),
            lambda: self.session.client.auth.user_add(name, password.reveal() if password else None),
            f"user {name} added",
        )

    # --- on and off --------------------------------------------------------------------------------------

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
            replace(action, label=label, help=words) if action.id == "maintenance" else action
            for action in super().available_actions()
        ]

    def action_maintenance(self) -> None:
        self.begin(self._switch, "write")

    async def _switch(self) -> None:
        enabled = self.access.enabled
        if enabled is None:
            items = [
                Item("enable", Text("enable auth"), Text("every call needs a login"), key="e"),
                Item("disable", Text("disable auth"), Text("everybody may do everything"), key="d"),
            ]
            choice = await self.pick(Text("auth on or off"), items)
            if choice is None:
                return
            enabled = choice == "disable"
        if enabled:
            await self.change(access.auth_disable(), self.session.client.auth.disable, "auth is off")
        else:
            await self._enable()

    async def _enable(self) -> None:
        """Only with a root whose password is known to work is it safe to close the door."""
        plan = access.auth_enable(self.access)
        await self.change(plan, self.session.client.auth.enable, "auth is on: log in with a profile that has a user")

    # --- edit --------------------------------------------------------------------------------------------

    def action_edit(self) -> None:
        row = self.table.current
        if row is not None and row.user is not None:
            self.begin(partial(self._edit_user, row.user), "write")
        elif row is not None and row.role is not None:
            self.begin(partial(self._edit_role, row.role), "write")

    async def _edit_user(self, user: User) -> None:
        auth = self.session.client.auth
        items = [
            Item("grant", Text("grant a role"), key="g"),
            Item("password", Text("change the password"), key="p"),
            *(
                Item(f"revoke {i}", Text.assemble("take away role ", safe(role, limit=NAME_LIMIT)))
                for i, role in enumerate(user.roles)
            ),
        ]
        choice = await self.pick(Text.assemble("user ", safe(user.name, limit=NAME_LIMIT)), items)
        if choice == "grant":
            roles = [role.name for role in self.access.roles if role.name not in user.roles]
            if access.ROOT not in roles and access.ROOT not in user.roles:
                roles.append(access.ROOT)
            picked = await self.pick(
                Text("which role"), [Item(str(i), safe(name, limit=NAME_LIMIT)) for i, name in enumerate(roles)]
            )
            if picked is not None:
                role = roles[int(picked)]
                await self.change(
                    access.grant_role(user.name, role),
                    lambda: auth.user_grant_role(user.name, role),
                    f"{user.name} has the role {role}",
                )
        elif choice == "password":
            await self.set_password(user.name)
        elif choice is not None:
            role = user.roles[int(choice.split()[1])]
            await self.change(
                access.revoke_role(user.name, role),
                lambda: auth.user_revoke_role(user.name, role),
                f"{user.name} lost the role {role}",
            )

    async def set_password(self, name: str) -> None:
        """Change a user's password, typed twice here."""
        password = await self.password_for(name)
        if password is not None:
            await self.change(
                access.user_password(name),
                lambda: self.session.client.auth.user_change_password(name, password.reveal()),
                f"the password of {name} is changed",
            )

    async def _edit_role(self, role: Role) -> None:
        items = [
            Item("grant", Text("grant a permission"), key="g"),
            *(
                Item(f"revoke {i}", Text.assemble("revoke ", permission_words(permission)))
                for i, permission in enumerate(role.permissions)
            ),
        ]
        choice = await self.pick(Text.assemble("role ", safe(role.name, limit=NAME_LIMIT)), items)
        auth = self.session.client.auth
        if choice == "grant":
            await self._grant_permission(role)
        elif choice is not None:
            permission = role.permissions[int(choice.split()[1])]
            await self.change(
                access.revoke_permission(role.name, permission),
                lambda: auth.role_revoke_permission(role.name, permission.key, permission.range_end),
                f"a permission of {role.name} is revoked",
            )

    async def _grant_permission(self, role: Role) -> None:
        typed = await self.ask("grant on", "a key; a prefix as /app/ or /app*; a range as a..m; * is everything")
        if not typed:
            return
        try:
            key, end = typed_range(typed)
        except KeySyntaxError as error:
            self.flash(str(error), "warn")
            return
        kinds = [Item(kind.name, Text(kind.name.lower()), key=kind.name[0].lower()) for kind in PermissionType]
        kinds[2] = Item("READWRITE", Text("read and write"), key="b")
        chosen = await self.pick(Text.assemble("what may be done on ", range_text(key, end)), kinds)
        if chosen is None:
            return
        permission = Permission(PermissionType[chosen], key, end)
        await self.change(
            access.grant_permission(role.name, permission),
            lambda: self.session.client.auth.role_grant_permission(role.name, permission),
            f"{role.name} has a new permission",
        )

    # --- delete ------------------------------------------------------------------------------------------

    def action_delete(self) -> None:
        self.begin(self.delete, "write")

    async def delete(self, row: AccessRow | None = None) -> None:
        """Delete a user or a role, the one under the cursor where none is given."""
        row = row or self.table.current
        auth = self.session.client.auth
        if row is None:
            return
        if row.user is not None:
            user = row.user
            plan = access.user_delete(user, self.access, self.session.profile.auth.user)
            await self.change(plan, lambda: auth.user_delete(user.name), f"user {user.name} deleted")
        elif row.role is not None:
            role = row.role
            try:
                role = await auth.role_get(role.name)
            except EtcdError as error:
                self.flash(error_line(error), "bad")
                return
            plan = access.role_delete(role, self.access)
            await self.change(plan, lambda: auth.role_delete(role.name), f"role {role.name} deleted")
