"""What the signs and short words on the screens mean, for the help and for ``docs/keys.md``."""

from __future__ import annotations

from collections.abc import Mapping

from etcdtui.ui.bindings import APP, DOCTOR, HISTORY, KEYS, LEASES, MEMBERS, TABLE, WATCH

Sign = tuple[str, str]

SIGNS: Mapping[str, tuple[Sign, ...]] = {
    KEYS: (
        ("▸ ▾", "A folder: names with a common beginning. Closed, open."),
        ("+", "Marked with space: d, y and export take all marked rows together."),
        ("*", "Changed since you looked at it, or something below it did."),
        ("L", "The key has a lease: it goes when the lease ends. t shows which."),
        ("(masked)", "The profile hides the value; x shows it."),
        ("\\x00", "A byte that is no text, as it is typed in f and : too."),
        ("KEYS/SIZE", "Of a folder the keys below it, of a key the bytes of its value."),
        ("V", "The version: how often the key was written since it was made."),
        ("live", "The level is watched: what others write is here at once."),
        ("checked ..", "Too large to watch: it is checked again so often."),
    ),
    WATCH: (
        ("NEW", "The key was made."),
        ("PUT", "The key was there and was written again."),
        ("DEL", "The key was deleted."),
        ("DEL~", "Deleted, and its lease was due: probably it ran out."),
        ("┌ │ └ x3", "Three events of one revision: they happened at once."),
        ("-- GAP --", "Something may be missing here; the line says why."),
        ("..", "What the key held before is still being read."),
    ),
    LEASES: (
        ("renewed", "Somebody keeps it alive."),
        ("DRAINING", "Nobody has renewed it for longer than they used to: it is running out."),
        ("one-shot", "Granted for a while and not renewed."),
        ("EMPTY", "No key has this lease."),
        ("?", "Not known yet, or not told to you."),
    ),
    MEMBERS: (
        ("LEADER", "Takes all writes and orders them."),
        ("learner", "Copies the data and has no vote yet."),
        ("LAG, APPLY", "Entries that the member has not received, and received but not applied."),
        ("RTT", "How long its last answer took from here."),
        ("?", "The member did not tell."),
    ),
    DOCTOR: (
        ("OK", "Looked at, and good."),
        ("INFO", "Worth knowing; nothing has to be done."),
        ("WARN", "Do something in the next days."),
        ("CRIT", "Do something now."),
        ("SKIP", "Not judged; the line says what is missing for that."),
    ),
    HISTORY: (
        ("-- created here", "Before this version the key was not there."),
        ("now", "The version that stands."),
    ),
    TABLE: (("*", "Marked with space."), ("▲ ▼", "Sorted by this column: s is the next one, S turns the order.")),
    APP: (
        ("READ-ONLY", "Nothing can be written; ! unlocks, where the profile lets you."),
        ("WRITES ON", "Writes are possible, each after its review; ! locks them."),
        ("3/3 up", "Members that answer, of all."),
        ("PLAINTEXT", "The connection is not encrypted."),
        ("…", "Cut: there is more. z gives the pane the whole screen."),
    ),
}
"""By the place they are seen in, those of everywhere under ``APP``."""


def signs_of(*places: str) -> tuple[Sign, ...]:
    """The signs of these places, in their order."""
    return tuple(sign for place in places for sign in SIGNS.get(place, ()))
