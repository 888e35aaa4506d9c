"""Units, keymap, themes, state, and who can draw."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from etcdtui.config.folders import private_folder, state_folder
from etcdtui.config.keymap import check_keymap
from etcdtui.config.state import MAX_RECENT, Places, load_places, save_places, write_atomic
from etcdtui.config.terminal import terminal_problem
from etcdtui.config.themes import ANSI, ROLES, load_themes, packaged_folder
from etcdtui.config.units import format_duration, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("5s", 5),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("500ms", 0.5),
        (".5s", 0.5),
        ("1h2m3s", 3723),
        ("10us", 1e-5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "-5s", "5 s", "s", "1e3s", "99999999999999h", "٥s", "5s\n"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_sizes() -> None:
    sizes = {"0": 0, "512KiB": 524288, "4 MiB": 4194304, "1.5GB": 1_500_000_000, "2M": 2097152, "10b": 10}
    assert {text: parse_size(text) for text in sizes} == sizes
    for text in ("", "x", "-1", "1TiB", "9" * 16 + "G", "1e9"):
        with pytest.raises(ValueError, match="size"):
            parse_size(text)


def test_a_keymap_is_checked_entry_by_entry() -> None:
    wanted = {"delete": "d,delete", "find": "f, ctrl+t", "dlete": "x", "new": "ctrl+i", "edit": "entr", "mark": "x,,y"}
    checked = check_keymap(wanted, ["delete", "find", "new", "edit", "mark"])
    assert checked.keys == {"delete": "d,delete", "find": "f,ctrl+t"}
    said = "\n".join(checked.problems)
    for words in ("'dlete' is unknown (nearest known name: delete)", "as tab", "nearest known name: enter", "comma"):
        assert words in said
    assert len(checked.problems) == 4


def test_the_themes_are_whole() -> None:
    themes = load_themes(packaged_folder())
    assert themes.problems == ()
    others = {"nord", "catppuccin-latte", "catppuccin-mocha", "gruvbox", "solarized-dark", "solarized-light"}
    own = {"dark", "light", "high-contrast", "sixteen"}
    assert set(themes.themes) == own | others | {"tokyo-night", "dracula"}
    assert all(getattr(themes.themes["sixteen"], role) in ANSI for role in ROLES)
    for theme in themes.themes.values():
        for group in [("prod", "staging", "dev", "no_environment"), ("error", "warn", "ok", "foreground"),
                      ("key", "folder", "lease"), ("readonly", "writes_on")]:  # fmt: skip
            assert len({getattr(theme, role) for role in group}) == len(group), (theme.name, group)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, two: str) -> float:
    low, high = sorted((_luminance(one), _luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("name", "least"), [("dark", 4.5), ("light", 4.5), ("high-contrast", 7.0)])
def test_every_text_is_readable(name: str, least: float) -> None:
    theme = load_themes(packaged_folder()).themes[name]
    tiles = ("prod", "staging", "dev", "no_environment")
    no_text = ("background", "surface", "panel", "border", "selection", "selection_text", "environment_text", *tiles)
    for role in ROLES:
        if role not in no_text:
            for ground in ("background", "surface"):
                assert _contrast(getattr(theme, role), getattr(theme, ground)) >= least, (role, ground)
    for role in tiles:
        assert _contrast(theme.environment_text, getattr(theme, role)) >= 4.5, role
    assert _contrast(theme.selection_text, theme.selection) >= 7.0


def test_a_users_theme_wins_and_a_bad_one_is_told(tmp_path: Path) -> None:
    text = (packaged_folder() / "dark.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("label: Dark", "label: Mine"))
    (tmp_path / "bad.yaml").write_text(text.replace("name: dark", "name: bad").replace("\nkey: ", "\nkeyy: "))
    (tmp_path / "hash.yaml").write_text("name: x\nkey: #ff0000\n")
    (tmp_path / "broken.yaml").write_text("[")
    themes = load_themes(packaged_folder(), tmp_path)
    assert themes.themes["dark"].label == "Mine" and "bad" not in themes.themes
    said = "\n".join(str(problem) for problem in themes.problems)
    assert "nearest known name: key" in said and "role key has no colour" in said and "begins a comment" in said
    assert "broken.yaml:1" in said


def test_state_is_private_and_written_whole(tmp_path: Path) -> None:
    folder = state_folder({"XDG_STATE_HOME": str(tmp_path)})
    assert folder == tmp_path / "etcdtui" and not folder.exists()
    private_folder(folder)
    file = folder / "x"
    write_atomic(file, b"one")
    write_atomic(file, b"two")
    assert file.read_bytes() == b"two" and [p.name for p in folder.iterdir()] == ["x"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert stat.S_IMODE(private_folder(folder).stat().st_mode) == 0o700


def test_a_failed_write_leaves_the_old_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    with pytest.raises(OSError, match="folder"):
        write_atomic(tmp_path / "folder", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_places_come_back(tmp_path: Path) -> None:
    places = Places()
    for number in range(MAX_RECENT + 20):
        places = places.visited("a", b"/k%d" % number, now=float(number))
    places = places.visited("b", b"\xff\x00", now=1.0).marked("a", b"/x", "db").marked("a", b"/x", "again")
    save_places(tmp_path / "s", places)
    again = load_places(tmp_path / "s")
    assert again == places
    assert len([p for p in again.recent if p.profile == "a"]) == MAX_RECENT
    assert again.recent[0].key_bytes == b"\xff\x00" and [p.name for p in again.bookmarks] == ["again"]
    assert again.unmarked("a", b"/x").bookmarks == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"recent": [1, {"key": "zz"}, {"profile": "a", "key": "zz"}]}',
        '{"recent": 3}',
        '{"recent": [{"profile": "a", "key": "61", "seen": null}]}',
    ],
)
def test_a_damaged_places_file_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "places.json").write_text(text)
    assert load_places(tmp_path) == Places()


def test_a_process_without_a_terminal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.isatty", lambda fd: fd != 2)
    assert terminal_problem({}).startswith("standard error is not a terminal")
    monkeypatch.setattr("os.isatty", lambda fd: True)
    assert "TERM=dumb" in terminal_problem({"TERM": "dumb"})
    assert terminal_problem({"TERM": "xterm-256color"}) == "" == terminal_problem({})
