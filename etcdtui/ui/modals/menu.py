"""The menu of everything that can be done here, with the reason for what can not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

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
        self,
        title: Text,
        actions: Sequence[Action],
        keymap: Mapping[str, str],
        why_not: Callable[[str], str],
        more: Sequence[Item] = (),
    ) -> None:
        """``more`` comes after what writes; the letters of the rows above are theirs."""
        groups = [group for group in GROUPS if group not in ("move", "screens", "global")]
        items = action_items(actions, keymap, why_not, groups=groups)
        if more:
            writing = {action.id for action in actions if action.mutating}
            first = [*(item for item in items if item.value in writing), *more]
            taken = {letter for item in first for letter in item.key.split()}
            rest = [_without(item, taken) for item in items if item.value not in writing]
            items = [*first, *rest]
        super().__init__(title, items, typing=False)


def _without(item: Item, taken: set[str]) -> Item:
    """The item without the letters that others have here."""
    return replace(item, key=" ".join(letter for letter in item.key.split() if letter not in taken))
