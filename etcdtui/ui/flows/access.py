"""Flows that change users and roles: add, edit, delete, and switching authentication on or off."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from etcdtui.config.schema import Profile
from etcdtui.config.secrets import Secret
from etcdtui.core import ranges
from etcdtui.core.errors import EtcdError
from etcdtui.core.keypath import KeySyntaxError
from etcdtui.core.typed_range import typed_range
from etcdtui.core.types import Permission, PermissionType, Role, User
from etcdtui.services.cluster import access, lockout, onboarding
from etcdtui.services.cluster.access import AccessView
from etcdtui.services.cluster.admin import AdminWrite
from etcdtui.services.cluster.lockout import Tried
from etcdtui.services.cluster.onboarding import Application
from etcdtui.services.writing.run import Report
from etcdtui.ui import limits
from etcdtui.ui.flows.template import Flow
from etcdtui.ui.frame.host import Face
from etcdtui.ui.modals.form import Filled, FormDialog, Line
from etcdtui.ui.modals.message import MessageDialog
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.modals.prompt import PasswordDialog
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.grants import effective_lines, permission_words, range_text


class AccessWriting(Flow):
    """The flows of users and roles; ``view`` gives them as they are known now."""

    def __init__(
        self,
        face: Face,
        reload: Callable[[bytes], None],
        view: Callable[[], AccessView],
        profiles: Sequence[Profile] = (),
    ) -> None:
        super().__init__(face, reload)
        self.view = view
        self.profiles = tuple(profiles)

    async def change(self, write: AdminWrite, verb: str) -> Report | None:
        return await self.run(write, verb, lambda _: write.done, tries=False)

    async def tried(self, write: AdminWrite, verb: str, user: str, *, cure: str) -> Report | None:
        """A change after which a login was tried: what came of that is told, with the ``cure`` when it was refused."""
        report = await self.change(write, verb)
        if report is None or not report.complete or not isinstance(report.answer, Tried):
            return report
        came = report.answer
        if came.ok:
            self.flash(f"{write.done}; the login of {user} works ({came.words})", "good")
        elif came.off:
            self.flash(f"{write.done}; {came.words}", "warn")
        else:
            lines = [
                Text.assemble(safe(f"{write.done}, but the login of {user} was refused:", limit=limits.NAME * 3)),
                Text.assemble("  ", safe(came.words, limit=limits.NAME * 4)),
                Text(cure),
            ]
            title = Text.assemble("the login of ", safe(user, limit=limits.NAME))
            dialog = MessageDialog(title, Text("\n").join(lines))
            await self.face.app.push_screen_wait(dialog)
        return report

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
            Item("app", Text("application"), Text("role, grants and user in one form, tried by logging in"), key="a"),
            Item("user", Text("user"), Text("with a password"), key="u"),
            Item("nopass", Text("user without password"), Text("logs in by client certificate"), key="c"),
            Item("role", Text("role"), Text("a set of permissions"), key="r"),
        ]
        choice = await self.pick(Text("new"), items)
        if choice == "app":
            await self.onboard()
        elif choice == "role":
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

    async def onboard(self) -> None:
        """Role, grants and user of an application in one form, with its rights while they are typed."""
        lines = [
            Line("user", "user", placeholder="app"),
            Line("role", "role", placeholder="as the user"),
            Line("grants", "grants", placeholder="/app/, r /shared/one   (rw is meant where nothing stands)"),
            Line("password", "password", secret=True),
            Line("again", "again", secret=True),
        ]
        dialog = FormDialog(Text("a new application"), lines, problem=self._form_problem, preview=self._form_preview)
        filled: Filled | None = await self.face.app.push_screen_wait(dialog)
        if filled is not None:
            write = self.session.admin.onboard(_application(filled), self.view(), filled.secrets["password"])
            await self.tried(write, "onboard", filled["user"], cure="e on the user sets another password.")

    def _form_problem(self, filled: Filled) -> str:
        if not filled["user"]:
            return "the user has no name"
        try:
            onboarding.typed_grants(filled["grants"])
        except KeySyntaxError as error:
            return str(error)
        if not filled.secrets["password"]:
            return "the password is empty"
        if filled.secrets["password"].reveal() != filled.secrets["again"].reveal():
            return "the two passwords differ"
        return ""

    def _form_preview(self, filled: Filled) -> list[Text]:
        """What the user could do then."""
        try:
            app = _application(filled)
        except KeySyntaxError as error:
            return [safe(str(error), limit=limits.NAME * 2)]
        user, view = onboarding.afterwards(app, self.view())
        shown = [Text.assemble("what ", safe(app.user or "the user", limit=limits.NAME), " could do:")]
        shown += effective_lines(access.effective(user, view)) or [Text("  nothing yet: grants are missing", "dim")]
        whole = access.can(user, view, ranges.prefix_range(b"/"), write=False)
        if app.grants and not whole.allowed:
            shown.append(Text("  range read of / -> NO", "dim"))
        return shown + [Text(f"  ! {words}") for words in onboarding.warnings(app)]

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
            await self.enable()

    async def enable(self) -> None:
        """Ask for root's password, make it root's, switch on, log in with it; the way back is said before and after.

        Where the client certificate is root's, root can stay as it is.
        """
        view = self.view()
        if view.problem is not None:
            self.failed(view.problem)
            return
        password: Secret | None = None
        keep = False
        if self.session.cluster.certificate_user() == access.ROOT and view.user(access.ROOT) is not None:
            items = [
                Item("password", Text("give root a password"), Text("root is made anew with it"), key="p"),
                Item("keep", Text("keep root as it is"), Text("this profile's client certificate is root's"), key="k"),
            ]
            choice = await self.pick(Text("how root comes in"), items)
            if choice is None:
                return
            keep = choice == "keep"
        if not keep and (password := await self._roots_password()) is None:
            return
        strangers = lockout.strangers(self.profiles, self.session.profile)
        write = self.session.admin.enable_auth(view, password, strangers)
        await self.tried(write, "enable auth", access.ROOT, cure=f"The way back: {lockout.WAY_BACK}")
        self.session.monitor.poll_soon()

    async def _roots_password(self) -> Secret | None:
        """Typed twice; it becomes root's, since no server says whether a password is right while auth is off."""
        lines = [Line("password", "password", secret=True), Line("again", "again", secret=True)]

        def problem(filled: Filled) -> str:
            if not filled.secrets["password"]:
                return "the password is empty"
            same = filled.secrets["password"].reveal() == filled.secrets["again"].reveal()
            return "" if same else "the two passwords differ"

        told = [
            Text("Root gets this password: while authentication is off no server says"),
            Text("whether a password is right, and a user made without one keeps none."),
        ]
        dialog = FormDialog(Text("password of root"), lines, problem=problem, preview=lambda _: told)
        filled: Filled | None = await self.face.app.push_screen_wait(dialog)
        return filled.secrets["password"] if filled is not None else None

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
        await self.change(self.session.admin.revoke_role(user, role, self.view()), "revoke role")

    async def set_password(self, name: str) -> None:
        """Change a user's password, typed twice here."""
        password = await self.password_for(name)
        if password is not None:
            write = self.session.admin.set_password(name, password, enabled=self.view().enabled)
            cure = "A user made without a password keeps none: delete it and add it again."
            await self.tried(write, "change password", name, cure=cure)

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
        await self.change(self.session.admin.grant_permission(role, permission, self.view()), "grant permission")

    async def revoke(self, role: Role, permission: Permission) -> None:
        await self.change(self.session.admin.revoke_permission(role, permission, self.view()), "revoke permission")

    async def _grant_permission(self, role: Role) -> None:
        def preview(filled: Filled) -> list[Text]:
            try:
                key, end = typed_range(filled["range"])
            except KeySyntaxError as error:
                return [safe(str(error), limit=limits.NAME * 2)]
            if not filled["range"]:
                return [Text("a key; a prefix as /app/ or /app*; a range as a..m; * is everything", "dim")]
            told = [Text.assemble("grant on  ", range_text(key, end))]
            told += [Text(f"  ! {words}") for words in access.grant_warnings(key, end)]
            app = Application("", role.name, (Permission(PermissionType.READWRITE, key, end),))
            user, view = onboarding.afterwards(app, self.view())
            told.append(Text.assemble("with read and write, ", safe(role.name, limit=limits.NAME), " could do:"))
            return told + effective_lines(access.effective(user, view))

        def problem(filled: Filled) -> str:
            try:
                typed_range(filled["range"])
            except KeySyntaxError as error:
                return str(error)
            return "" if filled["range"] else "a range is missing"

        line = Line("range", "grant on", placeholder="/app/")
        dialog = FormDialog(
            Text.assemble("a permission of ", safe(role.name, limit=limits.NAME)),
            [line],
            problem=problem,
            preview=preview,
        )
        filled: Filled | None = await self.face.app.push_screen_wait(dialog)
        if filled is None:
            return
        key, end = typed_range(filled["range"])
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


def _application(filled: Filled) -> Application:
    """Raises ``KeySyntaxError``."""
    user = filled["user"]
    return Application(user, filled["role"] or user, onboarding.typed_grants(filled["grants"]))
