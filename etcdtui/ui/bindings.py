"""Every action of the program in one table: its id, keys, words, etcdctl equivalent and where it is valid.

Screens, dialogs and widgets take their Textual bindings from here; footer, help, menu, palette and the user's
``keymap`` are views of the same table. An id is a verb: ``edit``, or ``auth.can_i`` where the verb belongs to one
place. The keys belong to a slot, which is the name that a ``keymap`` uses: all rows of a slot have the same keys, so
that a hand finds the same kind of thing under the same key on every screen.

A row whose owner has no ``action_<verb>`` method is not bound and not shown: the table may be ahead of the screens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from textual.binding import Binding

from etcdtui import config
from etcdtui.core.value import Value

KEYS, WATCH, LEASES, MEMBERS, AUTH = "keys", "watch", "leases", "members", "auth"
LOCKS, DOCTOR, TXN, ACTIVITY, PROFILES = "locks", "doctor", "txn", "activity", "profiles"
HISTORY, CENSUS, SEARCH = "history", "census", "search"
PLAN = "plan"
DIALOG, MESSAGE, CHOICE, PICKER, REVIEW = "dialog", "message", "choice", "picker", "review"
FORM, EDITOR, TEXT, FIND, COMMAND, HELP, LINE = (
    "form",
    "editor",
    "text",
    "find dialog",
    "command line",
    "help",
    "line of text",
)
AREA = "lines of text"
CHECKUP = "checkup"
"""Dialogs. Their keys are fixed, as their hints name them."""
APP = "app"
LIST = "list"
TABLE = "table"
VALUE = "value"
"""The pane with a value, while it has the focus."""


FIXED = "dialogs"
"""The group of the rows of dialogs: no ``keymap`` changes their keys."""


class Action(Value):
    """One verb in some places. ``footer`` > 0 offers it as a hint there, smaller numbers first.

    ``slot`` names the keys where other verbs have them elsewhere; ``run`` is what Textual calls, for rows whose method
    takes an argument; ``priority`` rows work whatever has the focus.
    """

    id: str
    keys: str
    label: str
    help: str
    screens: tuple[str, ...]
    group: str = "do"
    etcdctl: str = ""
    mutating: bool = False
    footer: int = 0
    slot: str = ""
    run: str = ""
    priority: bool = False

    @property
    def key_slot(self) -> str:
        """The name of its keys in a ``keymap``."""
        return self.slot or self.id

    @property
    def call(self) -> str:
        """What Textual runs: the method ``action_<verb>``, with its argument where it takes one."""
        return self.run or self.id.rpartition(".")[2]

    @property
    def method(self) -> str:
        return "action_" + self.call.partition("(")[0]


_MOVE = (
    Action("cursor_up", "up,k", "up", "One row up.", (LIST,), "move"),
    Action("cursor_down", "down,j", "down", "One row down.", (LIST,), "move"),
    Action("cursor_left", "left,h", "left", "Collapse, go to the parent, or scroll left.", (LIST,), "move"),
    Action("cursor_right", "right,l", "right", "Expand, enter, or scroll right.", (LIST,), "move"),
    Action("top", "g,home", "top", "First row.", (LIST,), "move"),
    Action("bottom", "G,end", "bottom", "Last row.", (LIST,), "move"),
    Action("half_up", "ctrl+u", "half page up", "Half a page up.", (LIST,), "move"),
    Action("half_down", "ctrl+d", "half page down", "Half a page down.", (LIST,), "move"),
    Action("page_up", "pageup", "page up", "One page up.", (LIST,), "move"),
    Action("page_down", "pagedown", "page down", "One page down.", (LIST,), "move"),
    Action("choose", "enter", "open", "Open the row under the cursor.", (LIST,), "move", footer=1),
    Action("mark", "space", "mark", "Mark or unmark the row.", (TABLE, KEYS), "mark"),
    Action(
        "mark_all",
        "*",
        "mark all",
        "Mark every row shown; on a folder of the tree, expand all of it.",
        (TABLE, KEYS),
        "mark",
    ),
    Action("clear_marks", "\\", "clear marks", "Remove all marks.", (TABLE, KEYS), "mark"),
    Action("sort_next", "s", "sort", "Sort by the next column.", (TABLE,), "view", footer=60),
    Action("sort_reverse", "S", "reverse", "Reverse the sort order.", (TABLE,), "view"),
)

_EVERYWHERE = (
    Action("help", "?", "help", "All keys of this screen, searchable.", (APP,), "global"),
    Action("palette", "ctrl+p", "palette", "Find any action by name.", (APP,), "global", priority=True),
    Action("menu", "o", "menu", "Every action here, and why one is off.", (APP,), "global", footer=90),
    Action("command", ":", "command", "Type a command; etcdctl's grammar works.", (APP,), "global"),
    Action("profiles", "P", "profiles", "Choose another cluster.", (APP,), "global", footer=95),
    Action("log_in", "L", "log in", "Log in, or go on as another user.", (APP,), "global"),
    Action("unlock", "!", "unlock", "Unlock or lock writes.", (APP,), "global"),
    Action("theme", "T", "theme", "Choose the colours.", (APP,), "global"),
    Action("back", "escape", "back", "Close, clear the filter, or go back.", (APP,), "global"),
    Action("close", "q", "close", "Close this view; on a main screen twice quits.", (APP,), "global"),
    Action("quit", "ctrl+q", "quit", "Quit at once; ctrl+c twice does too.", (APP,), "global", priority=True),
    Action("suspend", "ctrl+z", "suspend", "Put the program into the background.", (APP,), "global", priority=True),
    Action("next_pane", "tab", "next pane", "Move the focus to the next pane.", (APP,), "global"),
    Action("previous_pane", "shift+tab", "previous pane", "Move the focus back.", (APP,), "global"),
    Action("history_back", "[", "back", "The place before this one.", (KEYS,), "global"),
    Action("history_forward", "]", "forward", "The place after this one.", (KEYS,), "global"),
    Action("last_view", "-", "last view", "Swap with the last view.", (APP,), "global"),
    *(
        Action(f"go_{n}", str(n), f"screen {n}", f"Go to screen {n}.", (APP,), "screens", run=f"go({n})")
        for n in range(1, 10)
    ),
)

_ALL = (KEYS, WATCH, LEASES, MEMBERS, AUTH, LOCKS, DOCTOR, TXN, ACTIVITY)

_COMMON = (
    Action("filter", "/", "filter", "Filter this list.", (*_ALL, PROFILES), "view", footer=80),
    Action("refresh", "r,ctrl+r", "refresh", "Read again now.", (*_ALL, PROFILES), "view", footer=65),
    Action("auto_refresh", "a", "auto", "Automatic refresh on or off.", _ALL, "view"),
    Action("zoom", "z", "zoom", "Give the value, or this pane, the whole screen; or give it back.", _ALL, "view"),
    Action("copy", "y", "copy", "Copy: key, value, decoded, as etcdctl, as JSON.", _ALL, "do", footer=50),
    Action("save", "ctrl+s", "save", "Save or export.", _ALL, "do"),
    Action("undo", "u", "undo", "Undo the last write where that is possible.", _ALL, mutating=True),
    Action("info", "i", "info", "Everything known about the selection.", _ALL, "view"),
    Action("pause", "p", "pause", "Stop drawing news; nothing is lost.", _ALL, "view"),
    Action("bookmark", "b", "bookmark", "Keep this place.", (KEYS,), "do"),
)

_KEYS = (
    Action("find", "f", "find", "Go to a key by any part of its path.", (KEYS,), "do", "get KEY", footer=70),
    Action(
        "edit", "e", "edit", "Edit the value; shown for review first.", (KEYS,), "write", "put KEY", True, footer=10
    ),
    Action("edit_external", "E", "editor", "Edit in $EDITOR.", (KEYS,), "write", "put KEY", True),
    Action("new", "n", "new", "A new key; never overwrites.", (KEYS,), "write", "put KEY VALUE", True, footer=20),
    Action("delete", "d", "delete", "Delete the key or the marked ones.", (KEYS,), "write", "del KEY", True, footer=30),
    Action("clone", "c", "clone", "Copy the key to a new name.", (KEYS,), "write", "put NEW", True),
    Action("move", "m", "rename", "Give the key another name.", (KEYS,), "write", "txn", True),
    Action(
        "watch", "w", "watch", "Watch this key or prefix.", (KEYS, LEASES), "do", "watch --prefix PREFIX", footer=40
    ),
    Action("history", "H", "history", "Older versions of this key.", (KEYS,), "do", "get KEY --rev N", footer=45),
    Action(
        "diff",
        "D",
        "diff",
        "Compare two marked ones, or a folder with a snapshot or another profile; of a snapshot, with a cluster.",
        (KEYS,),
        "do",
    ),
    Action(
        "keys.search",
        "F",
        "search",
        "Search names and values below this place, on the server.",
        (KEYS,),
        "do",
        "get --prefix PREFIX | grep",
        footer=75,
        slot="find_text",
    ),
    Action(
        "keys.show_lease",
        "t",
        "lease",
        "The lease of this key.",
        (KEYS,),
        "do",
        "lease timetolive ID --keys",
        slot="ttl",
    ),
    Action("next_view", "v", "next view", "Show the value another way.", (KEYS, WATCH), "view"),
    Action("reveal", "x", "reveal", "Show what is masked.", (KEYS, WATCH), "view"),
    Action("page_value", "|", "pager", "Open the value in $PAGER, as it is shown.", (KEYS,), "do"),
    Action("save_value", ">", "value to file", "Save the value: its bytes, its content, or the view.", (KEYS,), "do"),
    Action(
        "load_value",
        "<",
        "value from file",
        "Put the bytes of a file into this key.",
        (KEYS,),
        "write",
        "put KEY < FILE",
        True,
    ),
    Action("census", "C", "census", "Count and measure a prefix.", (KEYS,), "do"),
    Action(
        "keys.set_lease",
        "A",
        "set lease",
        "Put the key on a lease, a new one or one there is, or take it off.",
        (KEYS,),
        "write",
        "put KEY VALUE --lease ID",
        True,
        slot="trigger",
    ),
)

_VALUE = (
    Action(
        "edit_field",
        "enter",
        "edit field",
        "Edit the field under the cursor of JSON or YAML; the rest stays byte for byte.",
        (VALUE,),
        "write",
        "put KEY",
        True,
        slot="choose",
    ),
    Action("find_in_value", "/", "find inside", "Find text inside the value.", (VALUE,), "view"),
    Action("next_match", "n", "next match", "The next place in the value with that text.", (VALUE,), "view"),
    Action("previous_match", "N", "previous match", "The place before this one.", (VALUE,), "view"),
)

_HISTORY = (
    Action("choose", "enter", "show", "Go to the difference, or to the key of that row.", (HISTORY,), "move", footer=1),
    Action("mark", "space", "mark two", "Mark a version; two of them for D.", (HISTORY,), "mark", footer=15),
    Action("back", "escape", "back", "Back to the key tree.", (HISTORY, CENSUS, SEARCH), "global", footer=85),
    Action(
        "history.restore",
        "u",
        "restore",
        "Put this version back; below a prefix, bring back what was deleted.",
        (HISTORY,),
        "write",
        "put KEY VALUE",
        True,
        footer=10,
        slot="undo",
    ),
    Action("diff", "D", "diff", "Compare the two marked versions.", (HISTORY,), "do", footer=20),
    Action("next_view", "v", "text/fields", "The difference by lines or by fields.", (HISTORY,), "view", footer=30),
    Action(
        "history.since",
        "f",
        "since",
        "Compare a prefix with another revision.",
        (HISTORY,),
        "do",
        footer=40,
        slot="find",
    ),
    Action("copy", "y", "copy", "Copy: key, value, as etcdctl, as JSON.", (HISTORY,), "do", footer=50),
    Action("reveal", "x", "reveal", "Show what is masked.", (HISTORY,), "view"),
    Action("refresh", "r,ctrl+r", "refresh", "Read again now.", (HISTORY,), "view"),
)

_CENSUS = (
    Action(
        "census.measure",
        "b",
        "bytes",
        "Measure bytes and puts by reading the values.",
        (CENSUS,),
        "do",
        footer=10,
        slot="bookmark",
    ),
    Action(
        "census.show_in_tree",
        "f",
        "show in tree",
        "Go to the row in the key tree.",
        (CENSUS,),
        "do",
        footer=20,
        slot="find",
    ),
    Action("refresh", "r,ctrl+r", "refresh", "Count again now.", (CENSUS,), "view"),
)

_SEARCH = (
    Action(
        "search.change_words",
        "/",
        "words",
        "Change the words to look for.",
        (SEARCH,),
        "view",
        footer=10,
        slot="filter",
    ),
    Action(
        "search.look_into_values",
        "v",
        "values too",
        "Look into values too, or no longer.",
        (SEARCH,),
        "view",
        footer=20,
        slot="next_view",
    ),
    Action("copy", "y", "copy", "Copy the key; marked keys together.", (SEARCH,), "do", footer=50),
    Action(
        "search.show_in_tree",
        "f",
        "show in tree",
        "Go to the key in the tree, with the marks.",
        (SEARCH,),
        "do",
        slot="find",
    ),
    Action("refresh", "r,ctrl+r", "refresh", "Search again now.", (SEARCH,), "view"),
)

_WATCH = (
    Action("choose", "enter", "diff", "The change, before and after.", (WATCH,), "move", footer=1),
    Action("new", "n", "new", "A new watch.", (WATCH,), "do", "watch KEY", footer=20),
    Action("watch.stop", "d", "stop", "End this watch.", (WATCH,), "do", footer=30, slot="delete"),
    Action(
        "watch.put_mark", "m", "mark", "Put a line with the time into the tail.", (WATCH,), "do", footer=10, slot="move"
    ),
    Action("pause", "p", "pause", "Pause this watch, or let it go on; nothing is lost.", (WATCH,), "view", footer=5),
    Action("save", "ctrl+s", "save", "Save this watch to a file, and go on saving; again: end.", (WATCH,), footer=40),
    Action("watch.rename", "e", "name", "Give this watch a name.", (WATCH,), "do", slot="edit"),
    Action("watch.keep", "b", "keep", "Save this watch under a name, or forget it.", (WATCH,), "do", slot="bookmark"),
    Action("saved_watches", "W", "saved", "Open a saved watch; those of the profile are always there.", (WATCH,), "do"),
    Action(
        "watch.go_to_key", "f", "to the key", "Go to the key of this event.", (WATCH,), "do", "get KEY", slot="find"
    ),
    Action(
        "watch.go_to_lease",
        "t",
        "lease",
        "Go to the lease of the key.",
        (WATCH,),
        "do",
        "lease timetolive ID --keys",
        slot="ttl",
    ),
    Action("history", "H", "history", "Older versions of the key.", (WATCH,), "do", "get KEY --rev N"),
    Action("trigger", "A", "alarm", "Ring the bell and notify when an event matches.", (WATCH,), "do"),
    Action(
        "watch.show_churn",
        "C",
        "churn",
        "Events a second by prefix, the busiest keys, a graph.",
        (WATCH,),
        "view",
        slot="census",
    ),
    Action("find_text", "F", "search", "Go to the event that matches, without hiding others.", (WATCH,), "view"),
    Action("previous_hit", "<", "match before", "The match, or the mark or gap, before this.", (WATCH,), "view"),
    Action("next_hit", ">", "match after", "The match, or the mark or gap, after this.", (WATCH,), "view"),
    Action("refresh", "r,ctrl+r", "again", "Try again now; when far behind, skip ahead.", (WATCH,), "view"),
    Action("copy", "y", "copy", "Copy: key, value, line of the recording, as etcdctl.", (WATCH,), "do", footer=50),
)

_LEASES = (
    Action(
        "leases.grant", "n", "grant", "A new lease.", (LEASES,), "write", "lease grant TTL", True, footer=20, slot="new"
    ),
    Action(
        "leases.revoke",
        "d",
        "revoke",
        "End the lease and its keys.",
        (LEASES,),
        "write",
        "lease revoke ID",
        True,
        footer=30,
        slot="delete",
    ),
    Action(
        "leases.keep_alive_once",
        "t",
        "keep alive once",
        "Renew the lease once.",
        (LEASES,),
        "write",
        "lease keep-alive --once ID",
        True,
        footer=10,
        slot="ttl",
    ),
    Action("choose", "enter", "keys", "Go to its first key in the tree.", (LEASES,), "move", footer=1),
    Action("leases.vanishing", "v", "vanishing", "Only those whose keys vanish within 60 s, or all.", (LEASES,), "view",
           footer=55, slot="next_view"),
    Action("leases.attach", "e", "attach a key", "An existing key goes with this lease from then on.", (LEASES,),
           "write", "put KEY VALUE --lease ID", True, slot="edit"),
    Action("leases.hold", "K", "hold alive", "Renew it for as long as this program runs, or let it go.", (LEASES,),
           "write", "lease keep-alive ID", True),
    Action("leases.upkeep", "M", "upkeep", "Grant, renew, hold, attach, revoke.", (LEASES,), "do", slot="maintenance"),
)  # fmt: skip

_MEMBERS = (
    Action("choose", "enter", "detail", "Everything known about the member.", (MEMBERS,), "move", footer=1),
    Action(
        "members.add",
        "n",
        "add",
        "Add a member.",
        (MEMBERS,),
        "write",
        "member add NAME --peer-urls U",
        True,
        footer=20,
        slot="new",
    ),
    Action(
        "members.change_peer_urls",
        "e",
        "peer URLs",
        "Change the peer URLs.",
        (MEMBERS,),
        "write",
        "member update ID",
        True,
        slot="edit",
    ),
    Action(
        "members.remove",
        "d",
        "remove",
        "Remove the member.",
        (MEMBERS,),
        "write",
        "member remove ID",
        True,
        footer=30,
        slot="delete",
    ),
    Action(
        "members.move_leader",
        "m",
        "move leader",
        "Make it the leader.",
        (MEMBERS,),
        "write",
        "move-leader ID",
        True,
        footer=40,
        slot="move",
    ),
    Action(
        "members.maintain",
        "M",
        "maintain",
        "Snapshot, compact, defragment, promote, replace, alarms, and the plans with steps.",
        (MEMBERS,),
        "do",
        "defrag | snapshot save | compact | alarm disarm",
        footer=50,
        slot="maintenance",
    ),
)

_AUTH = (
    Action("choose", "enter", "details", "Go to what is known of the user or role.", (AUTH,), "move", footer=1),
    Action("new", "n", "new", "A new user or role.", (AUTH,), "write", "user add | role add", True, footer=20),
    Action("edit", "e", "edit", "Change grants or the password.", (AUTH,), "write", "user grant-role", True, footer=10),
    Action("delete", "d", "delete", "Delete the user or role.", (AUTH,), "write", "user delete", True, footer=30),
    Action(
        "auth.color_keys",
        "v",
        "colour Keys",
        "Colour the tree in Keys by what this user may do, or no longer.",
        (AUTH,),
        "view",
        footer=50,
        slot="next_view",
    ),
    Action("auth.can_i", "c", "can I", "Try whether a user may do something.", (AUTH,), "do", footer=40, slot="clone"),
    Action(
        "auth.switch",
        "M",
        "auth on/off",
        "Enable or disable authentication, after saying what that means.",
        (AUTH,),
        "write",
        "auth enable | auth disable",
        True,
        footer=45,
        slot="maintenance",
    ),
)

_LOCKS = (
    Action("choose", "enter", "queue", "Into the queue; there, to the key in the tree.", (LOCKS,), "move", footer=1),
    Action("watch", "w", "watch", "Watch the handover.", (LOCKS,), "do", "watch --prefix NAME/", footer=10),
    Action("ttl", "t", "its lease", "To the lease of the holder, or of the row of the queue.", (LOCKS,), "do",
           "lease timetolive ID --keys", footer=20),
    Action("find", "f", "its key", "To the key in the tree.", (LOCKS,), "do", "get KEY", footer=40),
    Action("locks.break", "d", "break", "Revoke that one lease, after all that hangs on it was listed.", (LOCKS,),
           "write", "lease revoke ID", True, footer=30, slot="delete"),
)  # fmt: skip

_DOCTOR = (
    Action("choose", "enter", "plan", "The plan of the finding, else all about it.", (DOCTOR,), "move", footer=1),
    Action("refresh", "r,ctrl+r", "again", "Look again now.", (DOCTOR,), "view", footer=10),
    Action("copy", "y", "copy", "Copy: as etcdctl commands, the finding, the report.", (DOCTOR,), "do", footer=20),
    Action("save", "ctrl+s", "save report", "Save the report, as text or as JSON.", (DOCTOR,), "do", footer=30),
    Action(
        "doctor.more",
        "M",
        "more",
        "Plans with steps, those that were begun, and a support bundle.",
        (DOCTOR,),
        "do",
        "compact | defrag | alarm disarm | move-leader",
        footer=40,
        slot="maintenance",
    ),
)

_PLAN = (
    Action(
        "choose", "enter", "next step", "Do the next step; while it pauses, go on at once.", (PLAN,), "move", footer=1
    ),
    Action("skip", ">", "leave out", "Leave out the next step, where that is allowed.", (PLAN,), "do", footer=10),
    Action("edit", "e", "change", "Other revisions kept, file or seconds for the next step.", (PLAN,), "do", footer=20),
    Action("again", "<", "again from here", "Do this step and those after it once more.", (PLAN,), "do"),
    Action("copy", "y", "copy", "Copy: as etcdctl, settings, the report.", (PLAN,), "do", footer=30),
    Action("save", "ctrl+s", "save report", "Save the report into a new file.", (PLAN,), "do", footer=40),
    Action(
        "plan.stop",
        "d",
        "end plan",
        "End the plan here; its report goes to Activity.",
        (PLAN,),
        "do",
        footer=50,
        slot="delete",
    ),
    Action("refresh", "r,ctrl+r", "again", "Look again now.", (PLAN,), "view"),
    Action("zoom", "z", "zoom", "Give the step the whole screen, or give it back.", (PLAN,), "view"),
)

_TXN = (
    Action("choose", "enter", "edit", "Edit the row; on a heading, the whole text.", (TXN,), "move"),
    Action("new", "n", "add", "Add a condition or a request to this part.", (TXN,), "write", footer=10),
    Action("edit", "e", "edit", "Edit the row; on a heading, the whole text.", (TXN,), "write", footer=20),
    Action("txn.drop", "d", "drop", "Drop the row.", (TXN,), "write", footer=30, slot="delete"),
    Action(
        "txn.dry_run",
        "D",
        "dry run",
        "Evaluate the conditions with reads; nothing is sent.",
        (TXN,),
        "do",
        footer=40,
        slot="diff",
    ),
    Action("save", "ctrl+s", "save", "Save the text for etcdctl txn into a new file.", (TXN,), "do", footer=55),
    Action("run", "ctrl+x", "review and run", "Review, then run.", (TXN,), "write", "txn", True, footer=45),
)

_ACTIVITY = (
    Action("choose", "enter", "detail", "Everything known about the line.", (ACTIVITY,), "move", footer=1),
    Action("undo", "u", "undo", "Undo this line.", (ACTIVITY,), "write", "", True, footer=10),
    Action("save", "ctrl+s", "export", "The lines shown, into a new file.", (ACTIVITY,), "do", footer=55),
)

_PROFILES = (
    Action("toggle_read_only", "R", "read-only", "Connect without any write.", (PROFILES,), "do", footer=20),
    Action(
        "profile.edit_file", "e", "edit file", "Open the config in $EDITOR.", (PROFILES,), "do", footer=30, slot="edit"
    ),
    Action(
        "profile.test",
        "t",
        "test",
        "Take the connection apart: each step, its time, and what mends it.",
        (PROFILES,),
        "do",
        footer=40,
        slot="ttl",
    ),
    Action(
        "profile.save",
        "n",
        "save",
        "Save a session that was started by flags as a profile.",
        (PROFILES,),
        "do",
        footer=50,
        slot="new",
    ),
)


def _fixed(place: str, id_: str, keys: str, label: str, help_: str, run: str = "", *, priority: bool = False) -> Action:
    return Action(f"{place.split()[0]}.{id_}", keys, label, help_, (place,), FIXED, run=run, priority=priority)


_DIALOGS = (
    _fixed(DIALOG, "cancel", "escape", "close", "Close without doing anything."),
    _fixed(MESSAGE, "cancel", "enter,q", "close", "Close."),
    _fixed(MESSAGE, "copy", "y", "copy", "Copy what it has to be typed in elsewhere."),
    _fixed(CHOICE, "choose", "enter,space", "take", "Take the answer that has the focus."),
    _fixed(PICKER, "down", "down,ctrl+n", "down", "One row down.", "move(1)", priority=True),
    _fixed(PICKER, "up", "up", "up", "One row up.", "move(-1)", priority=True),
    _fixed(PICKER, "page_down", "pagedown", "page down", "Ten rows down.", "move(10)", priority=True),
    _fixed(PICKER, "page_up", "pageup", "page up", "Ten rows up.", "move(-10)", priority=True),
    _fixed(PICKER, "pick", "enter", "pick", "Take the row.", priority=True),
    _fixed(PICKER, "narrow", "slash", "narrow", "Type a part of the words."),
    _fixed(REVIEW, "agree", "ctrl+s", "agree", "Run what is reviewed."),
    _fixed(REVIEW, "dry", "D", "dry run", "Evaluate the conditions; nothing is sent.", priority=True),
    _fixed(REVIEW, "copy", "y", "etcdctl", "Copy the etcdctl lines that do the same.", priority=True),
    _fixed(REVIEW, "edit", "e", "edit", "Back to the editor."),
    _fixed(REVIEW, "other_view", "v", "fields", "The difference by lines or by fields.", priority=True),
    _fixed(REVIEW, "list_all", "l", "list all", "Every key of the plan.", priority=True),
    _fixed(REVIEW, "up", "up", "up", "Scroll up.", "scroll(-1)", priority=True),
    _fixed(REVIEW, "down", "down", "down", "Scroll down.", "scroll(1)", priority=True),
    _fixed(REVIEW, "page_up", "pageup", "page up", "Scroll up ten lines.", "scroll(-10)", priority=True),
    _fixed(REVIEW, "page_down", "pagedown", "page down", "Scroll down ten lines.", "scroll(10)", priority=True),
    _fixed(REVIEW, "reveal", "x", "reveal", "Show what is masked."),
    _fixed(REVIEW, "more", "plus", "more lines", "More unchanged lines around a change.", "context(3)"),
    _fixed(REVIEW, "fewer", "minus", "fewer lines", "Fewer unchanged lines around a change.", "context(-3)"),
    _fixed(FORM, "submit", "ctrl+s", "review", "To the review.", priority=True),
    _fixed(EDITOR, "review", "ctrl+s", "review", "To the review.", priority=True),
    _fixed(
        EDITOR,
        "format",
        "ctrl+l",
        "format",
        "JSON, YAML, TOML laid out; the title says how it is saved.",
        priority=True,
    ),
    _fixed(EDITOR, "other_form", "ctrl+t", "other form", "As hex, base64, number, time, and back.", priority=True),
    _fixed(EDITOR, "lease", "ctrl+g", "lease", "Choose the lease of the key, or its time to live.", priority=True),
    _fixed(EDITOR, "cancel", "escape", "keep as draft", "Leave; what was typed is kept as a draft.", priority=True),
    _fixed(TEXT, "done", "ctrl+s", "done", "Take the text.", priority=True),
    _fixed(TEXT, "cancel", "escape", "cancel", "Leave the text as it was.", priority=True),
    _fixed(FIND, "complete", "tab", "complete", "Complete the path.", priority=True),
    _fixed(FIND, "search_all", "ctrl+f", "search all keys", "Search all keys for these words.", priority=True),
    _fixed(FIND, "into_list", "down", "choose", "Into the list of names."),
    _fixed(FIND, "into_field", "up", "type", "Back to the line."),
    _fixed(COMMAND, "older", "up", "older", "The line before in the history.", priority=True),
    _fixed(COMMAND, "newer", "down", "newer", "The line after in the history.", priority=True),
    _fixed(COMMAND, "take", "tab", "complete", "Take the completion.", priority=True),
    _fixed(CHECKUP, "refresh", "r", "again", "Look again."),
    _fixed(CHECKUP, "cancel", "escape,q,enter", "close", "Close."),
    _fixed(LINE, "undo", "ctrl+z,super+z", "undo", "Take back the last change of the line."),
    _fixed(LINE, "redo", "ctrl+y,super+y", "redo", "Make it again."),
    _fixed(AREA, "text_start", "ctrl+home", "start", "To the start of the text."),
    _fixed(AREA, "text_end", "ctrl+end", "end", "To the end of the text."),
    _fixed(AREA, "text_start", "ctrl+shift+home", "select to start", "Select to the start.", "text_start(True)"),
    _fixed(AREA, "text_end", "ctrl+shift+end", "select to end", "Select to the end.", "text_end(True)"),
    _fixed(HELP, "search", "slash", "search", "Find a key or a word."),
    _fixed(HELP, "cancel", "q,question_mark", "close", "Close the help."),
    _fixed(HELP, "down", "down", "down", "Scroll down.", "scroll_lines(1)", priority=True),
    _fixed(HELP, "up", "up", "up", "Scroll up.", "scroll_lines(-1)", priority=True),
)

ACTIONS: tuple[Action, ...] = (
    *_KEYS,
    *_VALUE,
    *_HISTORY,
    *_CENSUS,
    *_SEARCH,
    *_WATCH,
    *_LEASES,
    *_MEMBERS,
    *_AUTH,
    *_LOCKS,
    *_DOCTOR,
    *_PLAN,
    *_TXN,
    *_ACTIVITY,
    *_PROFILES,
    *_COMMON,
    *_MOVE,
    *_EVERYWHERE,
    *_DIALOGS,
)

GROUPS = ("do", "write", "view", "mark", "move", "screens", "global")
GROUP_TITLES = {
    "do": "Look",
    "write": "Change",
    "view": "View",
    "mark": "Mark",
    "move": "Move",
    "screens": "Screens",
    "global": "Everywhere",
}


def actions_for(*places: str) -> tuple[Action, ...]:
    """The rows valid in any of ``places``, in table order."""
    return tuple(action for action in ACTIONS if any(place in action.screens for place in places))


def find(name: str, *places: str) -> Action | None:
    """The row of an id, or of a slot, for the first of ``places`` that has one."""
    for place in places:
        for action in ACTIONS:
            if name in (action.id, action.key_slot) and place in action.screens:
                return action
    return None


def bindings_for(
    *places: str, has: Callable[[Action], bool] = lambda _: True, through: str = ""
) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Textual bindings of the rows of ``places`` for which ``has``; ``through`` names an action taking the id."""
    return [
        Binding(
            action.keys,
            f"{through}('{action.id}')" if through else action.call,
            action.label,
            show=False,
            priority=action.priority,
            id=None if action.group == FIXED else action.key_slot,
        )
        for action in actions_for(*places)
        if has(action)
    ]


_DISPLAY = {
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "question_mark": "?",
    "slash": "/",
    "backslash": "\\",
    "colon": ":",
    "exclamation_mark": "!",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "asterisk": "*",
}


def key_words(keys: str) -> str:
    """Keys as people write them: ``"escape,ctrl+g"`` is ``esc ctrl+g``."""
    return " ".join(_DISPLAY.get(key.strip(), key.strip()) for key in keys.split(","))


def keys_of(action: Action, keymap: Mapping[str, str]) -> str:
    """The keys of an action as the user's keymap has them."""
    return keymap.get(action.key_slot, action.keys)


_LISTS = (TABLE, LIST, APP)
COMPANY: Mapping[str, tuple[str, ...]] = {
    KEYS: (LIST, APP), VALUE: (LIST, APP), WATCH: (LIST, APP), TXN: (LIST, APP),
    **dict.fromkeys((LEASES, MEMBERS, AUTH, LOCKS, DOCTOR, ACTIVITY, PROFILES, HISTORY, CENSUS, SEARCH), _LISTS),
}  # fmt: skip
"""Places and what is bound beside them: one key is one action there, or one of them cannot be reached."""


def keymap_problems(keymap: Mapping[str, str]) -> list[str]:
    """Every mistake in a user's keymap as one sentence each: unknown action, unknown key, two actions on one key."""
    if not keymap:
        return []
    checked = config.keymap.check_keymap(keymap, {action.key_slot for action in ACTIONS if action.group != FIXED})
    problems = list(checked.problems)
    for place, others in COMPANY.items():
        problems.extend(_clashes(actions_for(place, *others), checked.keys, place))
    always = [action for action in actions_for(APP) if action.priority]
    for place in dict.fromkeys(action.screens[0] for action in _DIALOGS):
        problems.extend(_clashes([*actions_for(place), *always], checked.keys, place))
    return list(dict.fromkeys(problems))


def _clashes(actions: Iterable[Action], keymap: Mapping[str, str], place: str) -> Iterable[str]:
    taken: dict[str, str] = {}
    for action in actions:
        for key in (part.strip() for part in keys_of(action, keymap).split(",")):
            other = taken.setdefault(key, action.key_slot)
            if other != action.key_slot and (action.key_slot in keymap or other in keymap):
                yield f"keymap: {key!r} would be both {other!r} and {action.key_slot!r} in {place}"
