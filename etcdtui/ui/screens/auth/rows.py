"""Rows of the Auth screen."""

from __future__ import annotations

from etcdtui.core.types import Role, User
from etcdtui.core.value import record


@record()
class AccessRow:
    """A user or a role in the list on the left."""

    user: User | None = None
    role: Role | None = None

    @property
    def kind(self) -> str:
        return "user" if self.user else "role"

    @property
    def name(self) -> str:
        return self.user.name if self.user else self.role.name if self.role else ""
