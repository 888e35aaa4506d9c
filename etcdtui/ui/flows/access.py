"""Flows that change users and roles: add, edit, delete, and switching authentication on or off."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from etcdtui.config.secrets import Secret
from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError
from etcdtui.core.typed_range import typed_range
from etcdtui.core.types import Permission, PermissionType, Role, User
from etcdtui.services.cluster import access
from etcdtui.services.cluster.access import AccessView
from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.ui import limits
from etcdtui.ui.flows.template import Flow
from etcdtui.ui.frame.host import Face
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PasswordDialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.grants import permission_words, range_text


class AccessWriting(Flow):
    """The flows of users and roles; ``view`` gives them as they are known now."""

    def __init__(self, face: Face, reload: Callable[[bytes], None], view: Callable[[], AccessView]) -> None:
        super().__init__(face, reload)
        self.view = view

    async def change(self, write: AdminWrite, verb: str) -> None:
        await self.run(write, verb, lambda _: write.done, tries=False)

    async def pick(self, title: Text, items: list[Item]) -> str | None:
        return await self.face.app.push_screen_wait(PickerDialog(title, items, typing=False))

    async def password_for(self, name: str) -> Secret | None:
        """A new password, typed twice; ``None`` when the person gave up or the two differ."""
        app, title = self.face.app, Text.assemble("new password of ", safe(name, limit=40))
        first: Secret | None = await app.push_screen_wait(PasswordDialog(title, enter="ok"))
        if first is None:
            return None
        again: Secret | None = await app.push_screen_wait(PasswordDialog(Text("the same password again"), enter="ok"))
        if again is None:
            return None
        if first.reveal() != again.reveal():
            self.flash("the two passwords differ; nothing was changed", "warn")
            return None
        return first

    # --- new ---------------------------------------------------------------------------------------------

    async def new(self) -> None:
        items = [
            Item("user", Text("user"), Text("with a password"), key="u"),
            Item("nopass", Text("user without password"), Text("logs in by client certificate"), key="c"),
            Item("role", Text("role"), Text("a set of permissions"), key="r"),
        ]
        choice = await self.pick(Text("new"), items)
        if choice == "role":
            await self.add_role()
        elif choice in ("user", "nopass"):
            await self.add_user(with_password=choice == "user")

    async def add_role(self, name: str = "") -> None:
        """Add a role; its name is asked for where none is given."""
        name = name or await self.ask("name of the new role")
        if name:
            await self.change(self.session.admin.add_role(name), "add role")

    async def add_user(self, name: str = "", *, with_password: bool) -> None:
        """Add a user; the password is typed twice here, the name where none is given."""
        name = name or await self.ask("name of the new user")
        if not name:
            return
        password = await self.password_for(name) if with_password else None
        if with_password and password is None:
            return
        await self.change(self.session.admin.add_user(name, password), "add user")

    # --- on and off --------------------------------------------------------------------------------------

    async def switch(self) -> None:
        """Authentication on or off, by what it is now; asked for when that is not known."""
        enabled = self.view().enabled
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
            await self.change(self.session.admin.disable_auth(), "disable auth")
        else:
            await self.change(self.session.admin.enable_auth(self.view()), "enable auth")

    # --- edit --------------------------------------------------------------------------------------------

    async def edit_user(self, user: User) -> None:
        items = [
            Item("grant", Text("grant a role"), key="g"),
            Item("password", Text("change the password"), key="p"),
            *(
                Item(f"revoke {i}", Text.assemble("take away role ", safe(role, limit=limits.NAME)))
                for i, role in enumerate(user.roles)
            ),
        ]
        choice = await self.pick(Text.assemble("user ", safe(user.name, limit=limits.NAME)), items)
        if choice == "grant":
            roles = [role.name for role in self.view().roles if role.name not in user.roles]
            if access.ROOT not in roles and access.ROOT not in user.roles:
                roles.append(access.ROOT)
            shown = [Item(str(i), safe(name, limit=limits.NAME)) for i, name in enumerate(roles)]
            picked = await self.pick(Text("which role"), shown)
            if picked is not None:
                await self.grant_role(user.name, roles[int(picked)])
        elif choice == "password":
            await self.set_password(user.name)
        elif choice is not None:
            await self.revoke_role(user.name, user.roles[int(choice.split()[1])])

    async def grant_role(self, user: str, role: str) -> None:
        await self.change(self.session.admin.grant_role(user, role), "grant role")

    async def revoke_role(self, user: str, role: str) -> None:
        await self.change(self.session.admin.revoke_role(user, role), "revoke role")

    async def set_password(self, name: str) -> None:
        """Change a user's password, typed twice here."""
        password = await self.password_for(name)
        if password is not None:
            await self.change(self.session.admin.set_password(name, password), "change password")

    async def edit_role(self, role: Role) -> None:
        items = [
            Item("grant", Text("grant a permission"), key="g"),
            *(
                Item(f"revoke {i}", Text.assemble("revoke ", permission_words(permission)))
                for i, permission in enumerate(role.permissions)
            ),
        ]
        choice = await self.pick(Text.assemble("role ", safe(role.name, limit=limits.NAME)), items)
        if choice == "grant":
            await self._grant_permission(role)
        elif choice is not None:
            await self.revoke(role, role.permissions[int(choice.split()[1])])

    async def grant(self, role: Role, permission: Permission) -> None:
        await self.change(self.session.admin.grant_permission(role, permission), "grant permission")

    async def revoke(self, role: Role, permission: Permission) -> None:
        await self.change(self.session.admin.revoke_permission(role, permission), "revoke permission")

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
        if chosen is not None:
            await self.grant(role, Permission(PermissionType[chosen], key, end))

    # --- delete ------------------------------------------------------------------------------------------

    async def delete_user(self, user: User) -> None:
        await self.change(self.session.admin.delete_user(user, self.view()), "delete user")

    async def delete_role(self, role: Role) -> None:
        """What the role grants is read now."""
        try:
            now = await self.session.cluster.role(role.name)
        except EtcdError as error:
            self.failed(error)
            return
        await self.change(self.session.admin.delete_role(now, self.view()), "delete role")
