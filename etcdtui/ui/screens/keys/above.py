"""What the Keys screen asks and copies, and what its filter needs.

Imported when the first of it is wanted: none is on the way to the first keys.
"""

from __future__ import annotations

from etcdtui.core.search import compile_filter
from etcdtui.services.reads.history import reach
from etcdtui.services.reads.search import FIELDS
from etcdtui.ui.frame.copying import choices, offer
from etcdtui.ui.modals.find import SHOWN, FindDialog, Suggestion
from etcdtui.ui.modals.message import MessageDialog


class Above:
    """The names by which the parts of the Keys screen reach it."""

    find, suggestion, suggestions_shown = FindDialog, Suggestion, SHOWN
    message = MessageDialog
    reach = staticmethod(reach)
    copies, offer_copies = staticmethod(choices), staticmethod(offer)
    filter = staticmethod(compile_filter)
    filter_fields = FIELDS
