"""Makes ``docs/screenshot.svg`` from the real program on the real demo cluster: ``python -m tests.docs.screenshot``."""

from __future__ import annotations

import asyncio
import html
import os
import re
import sys
import tempfile
from pathlib import Path

from etcdtui.config.launch import Launch
from etcdtui.config.schema import Config, Defaults, Profile
from etcdtui.config.secrets import Secret
from etcdtui.config.themes import load_themes, packaged_folder
from etcdtui.demo.binary import find_binary
from etcdtui.demo.cluster import Cluster
from etcdtui.demo.run import MEMBER_NAMES, prepare, profile_of
from etcdtui.services.session.session import Overrides, Session
from etcdtui.ui.app import EtcdtuiApp
from etcdtui.ui.life import CrashReporter

PICTURE = Path(__file__).parents[2] / "docs" / "screenshot.svg"
KEY = "/config/app/release.json"
SIZE = (112, 30)
WORDS = ("3/3", "WRITES ON", "leader", "1.20.0", "ver 20", "176 KB", "977 KB", "118 B")
BLANK = "&#160;"
CELL = 12.2
"""Width of a character at the size Textual draws with."""
ATTEMPTS, PAUSE = 60, 0.5
FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def without_addresses(svg: str) -> str:
    """The picture with the reader's own monospace font instead of one fetched from the network."""
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"font-family:[^;]*;", f"font-family: {FONTS};", svg)


def without_outer_blanks(svg: str) -> str:
    """Every text from its first letter to its last: some viewers drop the blanks around a text and misplace it."""

    def narrowed(found: re.Match[str]) -> str:
        head, x, middle, length, tail, text = found.groups()
        left = text.removeprefix(BLANK)
        before, after = 0, 0
        while left != text:
            before, text, left = before + 1, left, left.removeprefix(BLANK)
        while text.endswith(BLANK):
            after, text = after + 1, text.removesuffix(BLANK)
        if not text:
            return ""
        start, width = float(x) + before * CELL, float(length) - (before + after) * CELL
        return f'{head}x="{start:g}"{middle}textLength="{width:g}"{tail}{text}</text>'

    return re.sub(r'(<text [^>]*)x="([\d.]+)"([^>]*)textLength="([\d.]+)"([^>]*>)([^<]*)</text>', narrowed, svg)


async def picture(profile: Profile, state: Path, *, key: str = KEY, words: tuple[str, ...] = WORDS) -> str:
    """The screen as SVG once it holds all of ``words``."""

    async def opener(chosen: Profile, password: Secret | None, *, shown: bool = True) -> Session:
        return await Session.open(chosen, Overrides(password=password, audit_file=state / "audit.jsonl"))

    launch = Launch(config=Config(profiles=(profile,)), profile=profile, prefix=key, theme="dark")
    app = EtcdtuiApp(launch, opener, CrashReporter(state), themes=load_themes(packaged_folder()).themes)
    async with app.run_test(size=SIZE) as pilot:
        for _ in range(ATTEMPTS):
            await pilot.pause(PAUSE)
            svg = app.export_screenshot(title="etcdtui demo")
            if all(word in _text(svg) for word in words):
                break
        else:
            raise SystemExit(f"not all of {words} came on the screen")
    if app.session is not None:
        await app.session.aclose()
    return without_outer_blanks(without_addresses(svg))


def _text(svg: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", svg)).replace("\xa0", " ")


def main() -> int:
    cluster = Cluster(3, binary=find_binary(), names=MEMBER_NAMES)
    try:
        with tempfile.TemporaryDirectory() as state:
            os.environ["XDG_STATE_HOME"] = state
            asyncio.run(prepare(cluster, lambda: lambda _: 0))
            PICTURE.write_text(asyncio.run(picture(profile_of(cluster, Defaults()), Path(state))), encoding="utf-8")
    finally:
        cluster.close()
    print(f"written: {PICTURE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
