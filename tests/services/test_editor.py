"""$EDITOR: every way it can fail is told in a sentence, and what a killed one had saved is not lost."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from etcdtui.services.writing.editor import EditorResult, NoEditor, edit_file, editor_command, run_editor
from tests.support import eventually

BEFORE = b"a: 1\n"


async def edited(tmp_path: Path, script: str, *, visual: str = "", before: bytes = BEFORE) -> EditorResult:
    program = tmp_path / "editor"
    program.write_text(script)
    program.chmod(0o700)
    environ = {"PATH": os.environ["PATH"], "EDITOR": visual or f"{program} --wait"}
    async with edit_file(b"/c/app.yaml", before) as path:
        return await run_editor(path, before, environ)


async def test_the_editor_gets_its_own_arguments_and_a_private_file_with_the_ending_of_the_key(tmp_path: Path) -> None:
    script = '#!/bin/sh\n[ "$1" = --wait ] && echo "b: 2" >> "$2"\nstat -c %a "$2" >> "$2"; basename "$2" >> "$2"\n'
    assert await edited(tmp_path, script) == EditorResult(b"a: 1\nb: 2\n600\napp.yaml\n")


async def test_only_a_final_line_end_is_not_trusted(tmp_path: Path) -> None:
    assert (await edited(tmp_path, '#!/bin/sh\necho >> "$2"\n', before=b"a: 1")).newline_added
    assert not (await edited(tmp_path, "#!/bin/sh\n", before=b"a: 1")).newline_added


@pytest.mark.parametrize(
    ("script", "problem", "left"),
    [
        ('echo "b: 2" >> "$2"; exit 3', "the editor ended with code 3", None),
        ('echo "b: 2" >> "$2"; kill -9 $$', "the editor was ended by signal 9", b"a: 1\nb: 2\n"),
        ("kill -15 $$", "the editor was ended by signal 15", None),
        ('rm "$2"', "the editor left no file that can be read (No such file or directory)", None),
    ],
)
async def test_an_editor_that_fails_changes_nothing(
    tmp_path: Path, script: str, problem: str, left: bytes | None
) -> None:
    assert await edited(tmp_path, f"#!/bin/sh\n{script}\n") == EditorResult(None, problem, left=left)


async def test_a_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\0\0\0\0")
    broken.chmod(0o700)
    with pytest.raises(NoEditor, match="broken' cannot be run: Exec format error; set"):
        await edited(tmp_path, "", visual=str(broken))
    for visual in ("no-such-editor --wait", "unbalanced 'quote", "   "):
        with pytest.raises(NoEditor, match="EDITOR"):
            editor_command({"PATH": os.environ["PATH"], "EDITOR": visual})


async def test_what_a_cancelled_editor_had_saved_is_handed_over_and_no_editor_is_left(tmp_path: Path) -> None:
    program, pid = tmp_path / "editor", tmp_path / "pid"
    program.write_text(f'#!/bin/sh\necho "b: 2" >> "$1"\necho $$ > {pid}.part; mv {pid}.part {pid}\nexec sleep 600\n')
    program.chmod(0o700)
    saved: list[bytes] = []
    async with edit_file(b"/c/app.yaml", BEFORE) as path:
        environ = {"PATH": os.environ["PATH"], "EDITOR": str(program)}
        editing = asyncio.create_task(run_editor(path, BEFORE, environ, saved.append))
        await eventually(pid.exists)
        editing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await editing
    assert saved == [b"a: 1\nb: 2\n"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
