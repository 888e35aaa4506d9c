"""The program as its screens see it: where they get their write flows from, and each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from etcdtui.ui import flows, screens
from etcdtui.ui.frame.host import Access, Chosen, Face, Host, Leases, Members, Visit, Writing
from etcdtui.ui.widgets.tabs import Tab

if TYPE_CHECKING:  # only named here, and importing the client must wait for the first paint
    from etcdtui.config.schema import Profile
    from etcdtui.services.cluster.access import AccessView
    from etcdtui.services.cluster.view import ClusterView
    from etcdtui.services.session.session import Session
    from etcdtui.ui.frame.place import PlaceScreen


class FlowHost:
    """Implements ``ui.frame.host.Host``; imports nothing of the flows before it is asked for them."""

    def __init__(
        self,
        tabs: tuple[Tab, ...] = (),
        keymap: Mapping[str, str] | None = None,
        profiles: Callable[[], Sequence[Profile]] = lambda: (),
    ) -> None:
        self.tabs = tabs
        self._profiles = profiles
        self.keymap: Mapping[str, str] = keymap or {}

    def writing(self, face: Face, reload: Callable[[bytes], None], session: Session | None = None) -> Writing:
        made: Writing = flows.ManyWriting(face, reload, session)
        return made

    def leases(self, face: Face, reload: Callable[[bytes], None]) -> Leases:
        made: Leases = flows.LeaseWriting(face, reload)
        return made

    def members(self, face: Face, reload: Callable[[bytes], None], view: Callable[[], ClusterView]) -> Members:
        made: Members = flows.MemberWriting(face, reload, view)
        return made

    def access(self, face: Face, reload: Callable[[bytes], None], view: Callable[[], AccessView]) -> Access:
        made: Access = flows.AccessWriting(face, reload, view, self._profiles())
        return made

    def visit(self, face: Face, wanted: Visit, then: Callable[[Chosen], None] | None = None) -> None:
        build: Callable[[Session, Host, Visit], PlaceScreen] = screens.ABOVE[type(wanted).__name__].load()
        screen = build(face.session, self, wanted)

        def left(_: None) -> None:
            if then is not None:
                then(screen.outcome)

        face.app.push_screen(screen, left)
