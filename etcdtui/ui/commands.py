"""What the palette offers: every action of the program, wherever it lives, with how to get there by hand.

First what can be done here, then screens, what other screens and dialogs do, the lines of ``:``, and profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from rich.text import Text

from etcdtui.config.schema import Profile
from etcdtui.core.etcdctl_groups import FORMS
from etcdtui.core.value import Value
from etcdtui.ui import bindings, limits
from etcdtui.ui.bindings import ACTIONS, FIXED, GROUPS, Action, key_words, keys_of
from etcdtui.ui.modals.menu import action_items
from etcdtui.ui.modals.picker import Item
from etcdtui.ui.text import safe
from etcdtui.ui.widgets.tabs import Tab

GO, DO, THERE, ABOVE, LINE, RUN, PROFILE = "go:", "do:", "there:", "above:", "line:", "run:", "profile:"
MORE = "more:"
"""How a picked value begins. The rest is a screen's number; an action's id here; a screen and an action's id there;
the name of a screen above Keys; what ``:`` begins with; a line that begins on its screen; a profile's name."""
DIALOG_NAMES: Mapping[str, str] = {
    bindings.REVIEW: "the review of a change",
    bindings.EDITOR: "the editor",
    bindings.FIND: "find, f on Keys",
}
"""Dialogs whose own keys do more than move and close."""
OPENED_FROM: Mapping[str, tuple[str, str, str]] = {
    bindings.HISTORY: ("History", "history", bindings.KEYS),
    bindings.CENSUS: ("Census", "census", bindings.KEYS),
    bindings.SEARCH: ("Search", "find", bindings.KEYS),
    bindings.PLAN: ("Plan", "members.maintain", bindings.MEMBERS),
}
"""Screens above others: the label, the action that opens them, and the screen where that is."""
SCREEN_OF_GROUP: Mapping[str, str] = {
    "lease": "leases", "member": "members", "endpoint": "members", "alarm": "members", "compact": "members",
    "compaction": "members", "defrag": "members", "move-leader": "members", "snapshot": "members", "user": "auth",
    "role": "auth", "auth": "auth", "lock": "locks", "elect": "locks",
}  # fmt: skip
"""Where the commands of etcdctl are done that are about more than keys."""


class Command(Value):
    """A line of ``:``: what it begins with, how it is written, and what it does."""

    start: str
    usage: tuple[str, ...]
    help: str


COMMANDS = (
    Command("get ", ("get KEY [--prefix] [--rev N]",), "show it on Keys"),
    Command("put ", ("put KEY VALUE", "put KEY < FILE"), "write it, after the review"),
    Command("del ", ("del KEY", "del --prefix PREFIX"), "delete, after the preview"),
    Command("watch ", ("watch KEY",), "open it on Watch"),
    Command("txn", ("txn",), "open the Txn screen, with the text that follows"),
    Command("search ", ("search WORDS",), "search all names, and values with value:WORDS"),
    Command("f ", ("f PATH", "go SCREEN", "profile NAME"), "go to a key, a screen, another cluster"),
    Command("keys ", ("keys PATH @PROFILE",), "a key of another profile"),
    Command("rev ", ("rev N", "rev live", "at -N"), "the whole tree as of a revision; now again; N revisions ago"),
    Command("census ", ("filter TEXT", "census PREFIX"), "as `/` and `C`"),
    Command("diff ", ("diff PREFIX PREFIX",), "compare two prefixes, and copy from the left to the right"),
    Command("export ", ("export PREFIX FILE",), "keys with values and leases into a file of JSON Lines"),
    Command("import ", ("import FILE",), "bring them back, after the review"),
    Command("undelete ", ("undelete PREFIX",), "bring back what was deleted"),
    Command("recover", ("recover",), "finish or roll back a rename that was cut"),
    Command("w", ("w",), "go on with the newest draft"),
    Command("theme ", ("theme NAME", "help", "q", "q!"), "colours; help; quit"),
)
"""The commands that are ours, as ``docs/keys.md`` and the palette list them."""


def palette_items(
    tabs: Sequence[Tab],
    screen_name: str,
    actions: Sequence[Action],
    profiles: Sequence[Profile],
    keymap: Mapping[str, str],
    why_not: Callable[[str], str],
    more: Sequence[Item] = (),
) -> list[Item]:
    """Everything that can be picked on the screen of that name, the actions of the selection first; ``more`` is what
    its menu has beside them."""
    here = [action for action in actions if action.group not in ("move", "screens")]
    also = {action.id: _also(action) for action in here}
    items = [
        Item(f"{DO}{item.value}", item.label, item.note, item.key, item.reason, item.group, also[item.value])
        for item in action_items(here, keymap, why_not, groups=GROUPS)
    ]
    items += [replace(item, value=MORE + item.value, key=f"o {item.key}") for item in more]
    items += [
        Item(f"{GO}{tab.number}", Text(f"go to {tab.label}"), Text("screen"), key=str(tab.number)) for tab in tabs
    ]
    items += _elsewhere(tabs, screen_name, {action.key_slot for action in actions}, keymap)
    items += _above(screen_name, keymap)
    items += _in_dialogs()
    items += _lines({*(tab.label.casefold() for tab in tabs)})
    items += [
        Item(
            f"{PROFILE}{profile.name}",
            Text.assemble("connect ", safe(profile.name, limit=limits.NAME)),
            safe(profile.description, limit=limits.NAME),
        )
        for profile in profiles
    ]
    return items


def _also(action: Action) -> str:
    """Other words that an action is found by."""
    return f"{action.etcdctl} {action.id} {action.key_slot}".replace("_", " ").replace(".", " ")


def _elsewhere(tabs: Sequence[Tab], screen_name: str, known: set[str], keymap: Mapping[str, str]) -> Iterator[Item]:
    """What the other screens do, each with the keys that lead there; screens that are not there are not listed."""
    for tab in tabs:
        name = tab.label.casefold()
        if name == screen_name:
            continue
        for action in ACTIONS:
            everywhere = len(action.screens) > 2 and action.key_slot in known
            if name not in action.screens or action.group == "move" or everywhere:
                continue
            yield Item(
                f"{THERE}{name}:{action.id}",
                Text(action.label),
                Text(f"on {tab.label}: {action.help}"),
                key=f"{tab.number} {key_words(keys_of(action, keymap)).partition(' ')[0]}",
                also=_also(action),
            )


def _above(screen_name: str, keymap: Mapping[str, str]) -> Iterator[Item]:
    for name, (label, opener, below) in OPENED_FROM.items():
        opens = bindings.find(opener, below)
        if name == screen_name or opens is None:
            continue
        key = key_words(keys_of(opens, keymap)).partition(" ")[0]
        for action in bindings.actions_for(name):
            if action.group == "move" or action.id in ("back", "refresh", "copy", "reveal"):
                continue
            yield Item(
                f"{ABOVE}{name}:{action.id}",
                Text(action.label),
                Text(f"in {label}, {key} on {below.capitalize()}: {action.help}"),
                key=f"{key} {key_words(keys_of(action, keymap)).partition(' ')[0]}",
                also=_also(action),
            )


def _in_dialogs() -> Iterator[Item]:
    """Keys of dialogs: they are found and explained, and work there only."""
    for name, words in DIALOG_NAMES.items():
        for action in ACTIONS:
            scrolls = action.call.startswith(("scroll", "context", "into"))
            if action.group != FIXED or name not in action.screens or scrolls or action.id.endswith("cancel"):
                continue
            key, reason = key_words(action.keys), Text(f"it is a key of {words}")
            yield Item(f"{action.id}", Text(action.label), Text(action.help), key, reason)


def _lines(screens: set[str]) -> Iterator[Item]:
    """Lines of ``:``, ours and those of etcdctl that a screen answers."""
    for command in COMMANDS:
        label = Text(command.usage[0])
        yield Item(f"{LINE}{command.start}", label, Text(command.help), key=":", also=" ".join(command.usage))
    for (group, sub), form in FORMS.items():
        where = SCREEN_OF_GROUP.get(group, "")
        if where in screens and not form.instead:
            line = f"{group} {sub}".strip()
            yield Item(f"{RUN}{line}", Text(form.usage), Text(f"on {where.capitalize()}, as in etcdctl"), key=":")


def first_key(action: Action, keymap: Mapping[str, str]) -> str:
    """The key that a sentence names for an action."""
    return key_words(keys_of(action, keymap).split(",")[0])
