"""The write flows, and the command line; each is imported when it is first wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdtui.core.late import late

if TYPE_CHECKING:
    from etcdtui.ui.flows.host import FlowHost as FlowHost
    from etcdtui.ui.flows.many import ManyWriting as ManyWriting

__getattr__ = late(__name__, {"FlowHost": "host", "ManyWriting": "many"})
