"""What the parts of the Watch screen know of it."""

from __future__ import annotations

from etcdtui.services.tail.veil import Veil
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.screens.watch.watches import Watched
from etcdtui.ui.widgets.tail import TailView


class WatchFace(ClusterScreen):
    """A screen with a tail; ``veil`` hides what the profile masks."""

    veil: Veil
    tail: TailView

    @property
    def current(self) -> Watched | None:
        """The watch that is shown."""
        return None
