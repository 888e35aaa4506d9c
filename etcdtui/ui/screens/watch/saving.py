"""Saving a tail to a file that goes on while the watch runs."""

from __future__ import annotations

import time
from functools import partial

from rich.text import Text

from etcdtui.services.tail.log import kept
from etcdtui.services.tail.recording import Recording
from etcdtui.services.writing.files import typed_path
from etcdtui.ui import limits
from etcdtui.ui.modals.prompt import PromptDialog
from etcdtui.ui.screens.watch.face import WatchFace
from etcdtui.ui.screens.watch.watches import Watched
from etcdtui.ui.spawn import spawn
from etcdtui.ui.text import safe


class Saving:
    """The recordings of a Watch screen, one a watch."""

    def __init__(self, screen: WatchFace) -> None:
        self._screen = screen

    def facts(self) -> tuple[object, ...]:
        """What ``status`` says: it is painted again when this is another."""
        current = self._screen.current
        recording = current.recording if current else None
        return () if recording is None else (recording.written, recording.running, recording.problem)

    def status(self, watched: Watched) -> Text:
        recording = watched.recording
        if recording is None:
            return Text()
        name = safe(recording.path.name, limit=limits.SHORT_NAME)
        tone = self._screen.tail.tone
        if recording.problem:
            return Text.assemble(("NOT SAVED: ", tone("bad")), safe(recording.problem, tone("bad")), " ", name)
        return Text.assemble(("saving ", tone("accent")), name, f" {recording.words}")

    def ask(self) -> None:
        """A name for a new file; while one is written, whether to end that."""
        watched = self._screen.current
        assert watched is not None
        if watched.recording is not None and watched.recording.running:
            self._finish(watched)
            return

        def chosen(name: str | None) -> None:
            if name and name.strip():
                self._begin(watched, name.strip())

        name = f"watch-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
        filtered = "; only what the filter shows" if watched.filter_words else ""
        explain = Text(
            f"what is here and all that comes, readable by you only; .jsonl for --replay, .txt for people{filtered};"
            " masked values stay masked; ctrl+s again ends it",
            "dim",
        )
        self._screen.app.push_screen(PromptDialog(Text("save the watch to"), explain, value=name), chosen)

    def stop(self, watched: Watched) -> None:
        """End now, with all that has come."""
        if watched.recording is not None:
            watched.recording.close()

    def _finish(self, watched: Watched) -> None:
        recording = watched.recording
        if recording is not None:
            recording.stop()
            self._screen.flash(
                Text.assemble("saved: ", safe(str(recording.path), limit=200), f", {recording.words}"), "good"
            )
            watched.recording = None

    def _begin(self, watched: Watched, name: str) -> None:
        feed = watched.feed
        try:
            recording = Recording(
                feed,
                typed_path(name),
                self._screen.veil,
                wanted=watched.wanted,
                since=list(kept(feed)),
                dropped=feed.dropped,
            )
        except FileExistsError:
            self._screen.flash("that file exists; choose another name", "warn")
            return
        except OSError as error:
            self._screen.flash(f"not saved: {error.strerror}", "bad")
            return
        watched.recording = recording
        spawn(self._screen, partial(self._run, watched, recording), f"save-{watched.number}")

    async def _run(self, watched: Watched, recording: Recording) -> None:
        await recording.run()
        if recording.problem:
            self._screen.flash(f"the recording ended: {recording.problem}", "bad")
