"""The menu of everything that can be done here, with the reason for what can not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.text import Text

from etcdtui.ui import limits
from etcdtui.ui.bindings import GROUP_TITLES, GROUPS, Action, key_words, keys_of
from etcdtui.ui.modals.picker import Item, PickerDialog
from etcdtui.ui.text import safe


def action_items(
    actions: Sequence[Action], keymap: Mapping[str, str], why_not: Callable[[str], str], *, groups: Sequence[str]
) -> list[Item]:
    """The actions of those groups as items, in the order of the groups."""
    return [
        Item(
            value=action.id,
            label=Text(action.label),
            note=Text(action.help),
            key=key_words(keys_of(action, keymap)),
            reason=safe(why_not(action.id), limit=limits.WORDS),
            group=GROUP_TITLES[group],
        )
        for group in groups
        for action in actions
        if action.group == group
    ]


class MenuDialog(PickerDialog):
    """Dismisses with an action id; the letters of the actions work here too."""

    def __init__(
        self, title: Text, actions: Sequence[Action], keymap: Mapping[str, str], why_not: Callable[[str], str]
    ) -> None:
        groups = [group for group in GROUPS if group not in ("move", "screens", "global")]
        super().__init__(title, action_items(actions, keymap, why_not, groups=groups), typing=False)
