"""Activity lists and undoes what this run did; the builder evaluates, runs and takes pasted text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from textual.app import App
from textual.pilot import Pilot

from etcdtui.services.session.session import Overrides, Session
from etcdtui.services.writing.audit import OLDER_PAGE, Audit
from etcdtui.services.writing.editing import plan_edit
from etcdtui.ui.flows.host import FlowHost
from etcdtui.ui.frame.base import ClusterScreen
from etcdtui.ui.modals.command import TextDialog
from etcdtui.ui.screens.activity import ActivityScreen
from etcdtui.ui.screens.txn import TxnScreen
from etcdtui.ui.widgets.field import Field
from tests.services.writing_support import carry_out
from tests.support import Server, eventually
from tests.ui.agreeing import agree
from tests.ui.test_keys import profile_of

S = TypeVar("S", bound=ClusterScreen)


@asynccontextmanager
async def shown(
    kind: type[S], server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[S, Pilot[None]]]:
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    session = await Session.open(profile_of(server), Overrides(audit_file=folder / "audit.jsonl"))
    app: App[None] = App()
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            screen = kind(session, FlowHost())
            await app.push_screen(screen)
            yield screen, pilot
    finally:
        await session.aclose()


async def test_a_write_is_listed_and_undone(etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await etcd.put(b"/k", b"old")
    async with shown(ActivityScreen, etcd, tmp_path, monkeypatch) as (screen, pilot):
        writes = screen.session.writes
        base = await writes.get(b"/k")
        assert (await carry_out(writes, plan_edit(writes.guard, b"/k", base, b"new"))).complete
        await screen.read()
        row = screen.table.current
        assert row is not None
        assert (row.record.target, row.undo_word) == (b"/k", "yes")
        await pilot.press("u")
        await agree(pilot)

        async def back() -> bool:
            return await etcd.get(b"/k") == b"old"

        await eventually(back)
        await eventually(lambda: [r.undo_word for r in screen.table.all_rows] == ["yes", "undone"])


async def test_earlier_runs_are_listed_page_by_page_filtered_and_exported(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(tmp_path / "audit.jsonl", "before")
    records = [audit.make("delete key", b"/old/%d\xff" % i, f"rev {i}", revision=i) for i in range(OLDER_PAGE + 5)]
    (tmp_path / "audit.jsonl").write_text("".join(f"{r.to_json()}\n" for r in records) + "not json\n")
    async with shown(ActivityScreen, etcd, tmp_path, monkeypatch) as (screen, pilot):
        await eventually(lambda: len(screen.table.rows) == OLDER_PAGE - 1)
        newest = screen.table.rows[0].record
        assert (newest.target, newest.revision, newest.id) == (records[-1].target, OLDER_PAGE + 4, records[-1].id)
        await pilot.press("G")
        await eventually(lambda: len(screen.table.rows) == OLDER_PAGE + 5)
        await pilot.press("u")
        assert not screen.session.audit.has_older
        screen.set_filter("rev:<3 delete")
        assert [row.record.revision for row in screen.table.rows] == [2, 1, 0]
        await pilot.press("ctrl+s")
        await eventually(lambda: isinstance(pilot.app.focused, Field))
        field = pilot.app.focused
        assert isinstance(field, Field)
        field.value = str(tmp_path / "out.jsonl")
        await pilot.press("enter")
        await eventually((tmp_path / "out.jsonl").exists)
        assert [json.loads(x)["revision"] for x in (tmp_path / "out.jsonl").read_text().splitlines()] == [2, 1, 0]


async def test_an_undo_that_became_impossible_says_why_and_a_masked_value_stays_hidden(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await etcd.put(b"/app/token", b"SECRET1")
    async with shown(ActivityScreen, etcd, tmp_path, monkeypatch) as (screen, _):
        writes = screen.session.writes
        base = await writes.get(b"/app/token")
        await carry_out(writes, plan_edit(writes.guard, b"/app/token", base, b"SECRET2"))
        await etcd.put(b"/app/token", b"SECRET3")
        await screen.read()
        await eventually(lambda: [row.undo_word[:3] for row in screen.table.rows] == ["no:"])
        text = str([shown.parts for shown in screen.detail.lines_shown])
        assert "was changed since" in text
        assert "SECRET" not in text


async def test_pasted_text_is_evaluated_and_run(etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shown(TxnScreen, etcd, tmp_path, monkeypatch) as (screen, pilot):
        screen.load_text('create("/new") = "0"\n\nput /new "a b"\n\nget /new\n')
        await eventually(lambda: screen.seen is not None and screen.seen.branch == "THEN")
        await pilot.press("ctrl+x")
        await agree(pilot)

        async def there() -> bool:
            return await etcd.get(b"/new") == b"a b"

        await eventually(there)
        screen.load_text("nonsense")
        assert len(screen.spec.success) == 1


async def test_a_transaction_that_overlaps_is_told_in_the_status_the_dry_run_and_before_the_review(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a dialog that closed without a word, and "may be written" in Activity."""
    told = [""]
    async with shown(TxnScreen, etcd, tmp_path, monkeypatch) as (screen, pilot):
        monkeypatch.setattr(screen, "flash", lambda words, tone="": told.append(str(words)))
        for text, why in (("\nput /a 1\nput /a 2\n", "put twice"), ("\nput /a 1\ndel --prefix /\n", "put and deleted")):
            screen.load_text(text)
            await eventually(lambda why=why: why in screen.status_line.render().plain)
            for key in ("D", "ctrl+x"):
                await pilot.press(key)
                await eventually(lambda why=why: why in told[-1:][0])
                await eventually(lambda: not screen.is_writing())
                assert pilot.app.screen is screen
                told.append("")
        assert [record.result for record in screen.session.audit.records if not record.dry] == []


async def test_a_text_that_is_no_transaction_is_given_back_to_be_mended(
    etcd: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shown(TxnScreen, etcd, tmp_path, monkeypatch) as (screen, pilot):
        screen.load_text("\nput /a\n")
        await eventually(lambda: isinstance(pilot.app.screen, TextDialog))
        dialog = pilot.app.screen
        assert isinstance(dialog, TextDialog) and dialog.area.text == "\nput /a\n"
        assert screen.spec.ops == 0
