"""Agree to the review that is open, past its first deaf moment."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from etcdtui.ui.modals.choice import Choice
from etcdtui.ui.modals.review import ReviewDialog
from tests.support import eventually


async def agree(pilot: Pilot[Any]) -> None:
    app = pilot.app
    await eventually(lambda: isinstance(app.screen, ReviewDialog) and isinstance(app.focused, Choice))
    review = app.screen
    assert isinstance(review, ReviewDialog)
    review.opened -= 1
    await pilot.press("ctrl+s")
