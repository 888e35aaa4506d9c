"""What the palette offers: screens, the actions here, profiles, and what concerns the whole program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.text import Text

from etcdtui.config.schema import Profile
from etcdtui.ui import limits
from etcdtui.ui.bindings import GROUPS, Action
from etcdtui.ui.modals.menu import action_items
from etcdtui.ui.modals.picker import Item
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.tabs import Tab

GO, DO, PROFILE = "go:", "do:", "profile:"
"""How a picked value begins; the rest is the screen's number, the action's id or the profile's name."""


def palette_items(
    tabs: Sequence[Tab],
    actions: Sequence[Action],
    profiles: Sequence[Profile],
    keymap: Mapping[str, str],
    why_not: Callable[[str], str],
) -> list[Item]:
    """Everything that can be picked, the actions of the selection first."""
    here = [action for action in actions if action.group not in ("move", "screens")]
    items = [
        Item(f"{DO}{item.value}", item.label, item.note, item.key, item.reason, item.group)
        for item in action_items(here, keymap, why_not, groups=GROUPS)
    ]
    items += [
        Item(f"{GO}{tab.number}", Text(f"go to {tab.label}"), Text("screen"), key=str(tab.number)) for tab in tabs
    ]
    items += [
        Item(
            f"{PROFILE}{profile.name}",
            Text.assemble("connect ", safe(profile.name, limit=limits.NAME)),
            safe(profile.description, limit=limits.NAME),
        )
        for profile in profiles
    ]
    return items
