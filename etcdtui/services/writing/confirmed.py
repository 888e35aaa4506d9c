"""A plan that a person agreed to."""

from __future__ import annotations

from typing import final

from etcdtui.core.plan import WritePlan


@final
class Confirmed:
    """``plan`` as it was reviewed. Only ``Guard.confirm`` makes one that a permit is given for, and only once.

    A permit wants this very object from this very guard; one that is made by hand opens nothing.
    """

    __slots__ = ("__weakref__", "plan")
    plan: WritePlan

    def __init__(self, plan: WritePlan) -> None:
        object.__setattr__(self, "plan", plan)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a confirmed plan is frozen: {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a confirmed plan is frozen: {name!r} cannot be deleted")
