"""What a command line does: reading goes to a screen, writing to the reviewed flow of the same name."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.text import Text

from etcdtui.core.errors import EtcdError
from etcdtui.core.etcdctl_grammar import Command, Del, Get, Put, Txn, Verb, WatchKeys, parse_line
from etcdtui.core.keypath import KeySyntaxError, parse_key
from etcdtui.core.ranges import ALL, prefix_range
from etcdtui.core.txn import PLAIN_GET
from etcdtui.services.session.session import Session
from etcdtui.services.tail.source import WatchSpec
from etcdtui.services.writing.drafts import drafts_of
from etcdtui.ui.commands import SCREEN_OF_GROUP
from etcdtui.ui.errors import error_line
from etcdtui.ui.flows.command_groups import begin_command
from etcdtui.ui.flows.many import ManyWriting
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.frame.host import Side, VisitCompare, VisitResults
from etcdtui.ui.modals.help import HelpDialog
from etcdtui.ui.screens import NAMES
from etcdtui.ui.screens.keys.screen import KeysScreen
from etcdtui.ui.screens.txn import TxnScreen
from etcdtui.ui.screens.watch.screen import WatchScreen
from etcdtui.ui.spawn import Work, later, painted, spawn
from etcdtui.ui.text import safe

START_OF = {("lease", "grant"): "new", ("member", "add"): "new", ("user", "add"): "new", ("role", "add"): "new",
            ("snapshot", "save"): "maintenance", ("alarm", "disarm"): "maintenance", ("compact", ""): "maintenance",
            ("compaction", ""): "maintenance", ("defrag", ""): "maintenance",
            ("endpoint", "hashkv"): "maintenance", ("auth", "enable"): "maintenance",
            ("auth", "disable"): "maintenance"}  # fmt: skip
"""What begins a command that does not say enough by itself; of the others the key on a row is told."""
KEY_OF = {("lease", "revoke"): "d revokes the lease", ("lease", "keep-alive"): "t renews the lease",
          ("member", "remove"): "d removes the member",
          ("member", "promote"): "M offers to promote", ("member", "update"): "e changes the peer URLs",
          ("move-leader", ""): "m on a member makes it the leader", ("user", "delete"): "d deletes the user",
          ("role", "delete"): "d deletes the role", ("user", "passwd"): "e changes the password",
          ("user", "grant-role"): "e changes the grants", ("user", "revoke-role"): "e changes the grants",
          ("role", "grant-permission"): "e changes the grants", ("role", "revoke-permission"): "e changes the grants",
          }  # fmt: skip
LOCK_WORDS = ("lock", "elect")
NO_SCREEN = "this build has no screen for it; etcdctl does it"


class Commander:
    """Runs commands for the screen on show. ``go`` shows a screen by name and returns it, ``act`` runs an app action,
    ``profile`` connects to another one, ``open_other`` opens another one beside it (``None``: there is none)."""

    def __init__(
        self,
        screen: ClusterScreen,
        go: Callable[[str], Coroutine[object, object, ClusterScreen | None]],
        act: Callable[[str], Coroutine[object, object, object]],
        profile: Callable[[str], Coroutine[object, object, None]],
        open_other: Callable[[str], Coroutine[object, object, Session | None]],
    ) -> None:
        self.screen = screen
        self.go = go
        self.act = act
        self.profile = profile
        self.open_other = open_other

    def flash(self, words: str | Text, tone: str = "accent") -> None:
        shown = self.screen.app.screen
        (shown if isinstance(shown, ClusterScreen) else self.screen).flash(words, tone)

    async def run(self, text: str) -> None:
        """Run a line; notices first, so that ignored flags are never ignored silently."""
        parsed = parse_line(text)
        if parsed.notices:
            self.screen.app.notify("; ".join(parsed.notices), severity="warning")
        if parsed.command is None:
            self.flash(parsed.error, "warn")
            return
        await self._do(parsed.command)

    async def _do(self, command: Command) -> None:
        if isinstance(command, Get):
            await self._get(command)
        elif isinstance(command, Put):
            self._write(partial(self._put, command))
        elif isinstance(command, Del):
            writing = self._writing()
            if command.end:
                self._write(partial(writing.delete_range, command.key, command.end, command.key))
            else:
                self._write(partial(writing.delete_key, command.key))
        elif isinstance(command, Txn):
            screen = await self.go("txn")
            if isinstance(screen, TxnScreen) and command.text:
                screen.load_text(command.text)
        elif isinstance(command, WatchKeys):
            screen = await self.go("watch")
            if isinstance(screen, WatchScreen):
                spec = WatchSpec(command.key, command.end, command.revision)
                painted(screen, screen.add_watch, spec)
        else:
            await self._verb(command)

    def _writing(self) -> ManyWriting:
        screen = self.screen
        return ManyWriting(screen, screen.reload if isinstance(screen, KeysScreen) else lambda _: None)

    def _write(self, flow: Work) -> None:
        """A write that is locked or could not succeed now says so and starts nothing; nor does a second one."""
        if why := self.screen.session.why_no_writes:
            self.flash(why, "warn")
            return
        self.screen.start_write(flow)

    async def _get(self, command: Get) -> None:
        """A key or a whole prefix is a place in the tree; everything else is a list of its own."""
        screen = await self.go("keys")
        if not isinstance(screen, KeysScreen):
            return
        plain = replace(command.options, revision=0) == PLAIN_GET
        whole = command.end == b"" or (command.key, command.end) in (ALL, prefix_range(command.key))
        folder = command.end == b"" or command.key.endswith((*screen.separators, b"\0"))
        if not (plain and whole and folder):
            screen.visit(VisitResults(command))
            return
        if command.options.revision:
            screen.show_revision(command.options.revision)
        if command.key != b"\0":
            screen.go_to(command.key)

    async def _put(self, command: Put) -> None:
        writing = self._writing()
        if command.ignore_value:
            await self._put_lease(command, writing)
        elif command.value is not None:
            await writing.put(command.key, command.value, lease=command.lease)
        elif command.file == "-":
            await writing.edit(command.key)
        else:
            await writing.put_file(command.key, Path(command.file), lease=command.lease)

    async def _put_lease(self, command: Put, writing: ManyWriting) -> None:
        """``--ignore-value``: the value that is there is written again, with the lease of the line."""
        try:
            now = await self.screen.session.writes.get(command.key)
        except EtcdError as error:
            self.flash(error_line(error), "bad")
            return
        if now is None:
            self.flash(
                Text.assemble("no such key: ", safe(command.key, limit=100), "; there is no value to keep"), "warn"
            )
            return
        await writing.put(command.key, now.value, lease=command.lease)

    async def _verb(self, verb: Verb) -> None:
        handlers: dict[str, Callable[[Verb], Coroutine[object, object, None]]] = {
            "f": self._find, "go": self._go, "profile": self._profile, "rev": self._rev, "at": self._rev,
            "census": self._census, "export": self._export, "import": self._import, "filter": self._filter,
            "w": self._drafts, "q": self._quit, "q!": self._quit, "help": self._help, "theme": self._theme,
            "diff": self._diff, "keys": self._keys, "recover": self._recover, "undelete": self._undelete,
            "search": self._search,
        }  # fmt: skip
        if verb.name in handlers:
            await handlers[verb.name](verb)
        else:
            await self._group(verb)

    async def _group(self, verb: Verb) -> None:
        """A command of etcdctl's that a screen answers: go there, begin it or say which key does it."""
        screen = await self.go(SCREEN_OF_GROUP[verb.name])
        if screen is None:
            self.flash(f"{verb.name}: {NO_SCREEN}", "warn")
            return
        painted(screen, self._begin, screen, verb)

    def _begin(self, screen: ClusterScreen, verb: Verb) -> None:
        """With all its arguments the command itself, else what comes nearest to it."""
        if begin_command(screen, verb):
            return
        words = [word.decode("utf-8", "backslashreplace") for word in verb.words]
        what = next(((verb.name, w) for w in (*words[:1], "") if (verb.name, w) in {**START_OF, **KEY_OF}), None)
        if verb.name in LOCK_WORDS and words:
            screen.show_place(words[0].encode("utf-8", "surrogateescape"))
            screen.flash(f"{verb.name}: this is who holds it and who waits; etcdctl takes a place in the queue")
            return
        if len(words) > 1:
            screen.show_place(words[1].encode())
        if what in START_OF:
            later(screen, screen.action_do, START_OF[what])
        else:
            how = KEY_OF[what] if what else "this is where it is seen"
            screen.flash(f"{verb.name}: {how}; o lists everything that can be done here")

    def _key(self, verb: Verb) -> bytes:
        """The words as one key; a typed key reads its escapes."""
        raw = b" ".join(verb.words)
        try:
            return parse_key(raw.decode())
        except (UnicodeDecodeError, KeySyntaxError):
            return raw

    async def _keys(self, verb: Verb) -> None:
        profiles = [w[1:].decode("utf-8", "replace") for w in verb.words if w.startswith(b"@")]
        await self._find(Verb("f", tuple(w for w in verb.words if not w.startswith(b"@"))))
        if profiles:
            await self.profile(profiles[0])

    async def _find(self, verb: Verb) -> None:
        screen = await self.go("keys")
        if isinstance(screen, KeysScreen) and verb.words:
            screen.go_to(self._key(verb))

    async def _go(self, verb: Verb) -> None:
        name = verb.text
        wanted = next((s for s in NAMES.values() if name and s.startswith(name)), "")
        if name.isdecimal() and len(name) == 1:
            wanted = NAMES.get(int(name), "")
        if not wanted or await self.go(wanted) is None:
            self.flash(Text.assemble("there is no screen ", safe(name, limit=40)), "warn")

    async def _profile(self, verb: Verb) -> None:
        if verb.words:
            await self.profile(verb.text)
        else:
            await self.act("profiles")

    async def _rev(self, verb: Verb) -> None:
        text = verb.text
        screen = await self.go("keys")
        if not isinstance(screen, KeysScreen):
            return
        if text == "live":
            screen.show_revision(0)
        elif text.lstrip("-").isdigit() and int(text):
            number = int(text)
            screen.show_revision(number if verb.name == "rev" else -abs(number))
        else:
            self.flash(":rev N, :rev live, or :at -N", "warn")

    async def _census(self, verb: Verb) -> None:
        screen = await self.go("keys")
        if isinstance(screen, KeysScreen):
            if verb.words:
                screen.go_to(self._key(verb), then=screen.actions.action_census)
            else:
                screen.actions.action_census()

    async def _export(self, verb: Verb) -> None:
        prefix = verb.words[0] if verb.words else b""
        name = verb.words[1].decode("utf-8", "surrogateescape") if len(verb.words) > 1 else ""
        self.screen.start_write(partial(self._writing().export, prefix, name))

    async def _import(self, verb: Verb) -> None:
        name = verb.words[0].decode("utf-8", "surrogateescape") if verb.words else ""
        self._write(partial(self._writing().import_, name))

    async def _filter(self, verb: Verb) -> None:
        screen = self.screen
        if not isinstance(screen, KeysScreen):
            await self.act("filter")
            return
        screen.filter_by(verb.text)

    async def _search(self, verb: Verb) -> None:
        screen = await self.go("keys")
        if isinstance(screen, KeysScreen):
            screen.open_search(verb.text)

    async def _drafts(self, verb: Verb) -> None:
        drafts = drafts_of(self.screen.session.writes).all()
        if not drafts:
            self.flash("there is no draft")
            return
        self._write(partial(self._writing().edit, drafts[0].key))

    async def _diff(self, verb: Verb) -> None:
        """``A B``, ``A @profile`` or ``A@profile B``: the left side's differences can be copied to the right."""
        sides = verb.words
        if len(sides) != 2:
            self.flash(":diff A B compares two prefixes, :diff A @PROFILE the same prefix of two profiles", "warn")
            return
        others: list[Session] = []
        made: list[Side] = []
        for word in sides:
            prefix, at, name = word.rpartition(b"@")
            other = await self._beside(name.decode("utf-8", "replace")) if at else None
            if other is not None:
                others.append(other)
            made.append(Side(other or self.screen.session, prefix if other else word))
        for at_, word in enumerate(sides):
            if word.startswith(b"@") and made[at_].session is not self.screen.session:
                made[at_] = Side(made[at_].session, made[1 - at_].prefix)
        if any(w.startswith(b"@") and side.session is self.screen.session for w, side in zip(sides, made, strict=True)):
            self.flash("there is no such profile, or it did not open", "warn")
            return
        self.screen.host.visit(self.screen, VisitCompare(made[0], made[1]), partial(self._close, others))

    async def _beside(self, name: str) -> Session | None:
        try:
            return await self.open_other(name)
        except EtcdError as error:
            self.flash(error_line(error), "bad")
            return None

    def _close(self, others: list[Session], _: object) -> None:
        for other in others:
            spawn(self.screen.app.screen, other.aclose, "close")

    async def _recover(self, verb: Verb) -> None:
        self._write(self._writing().recover)

    async def _undelete(self, verb: Verb) -> None:
        self._write(partial(self._writing().undelete, verb.words[0] if verb.words else b""))

    async def _quit(self, verb: Verb) -> None:
        await self.act("quit")

    async def _help(self, verb: Verb) -> None:
        await self.act("help")
        if isinstance(dialog := self.screen.app.screen, HelpDialog):
            dialog.show_commands(verb.text)

    async def _theme(self, verb: Verb) -> None:
        app = self.screen.app
        if verb.text in app.available_themes:
            app.theme = verb.text
        else:
            await self.act("theme")
