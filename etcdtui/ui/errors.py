"""How a failure looks: one line for the status line, a few for a dialog."""

from __future__ import annotations

from rich.text import Text

from etcdtui.core.errors import EtcdError
from etcdtui.ui import limits
from etcdtui.ui.text import safe


def error_line(error: BaseException) -> Text:
    """One line: what failed, where and what to do."""
    return safe(str(error) or type(error).__name__, limit=limits.LINE)


def error_text(error: BaseException) -> Text:
    """Title, the server's words, the endpoint and the hint, each on its own line."""
    if not isinstance(error, EtcdError):
        return safe(str(error) or type(error).__name__, limit=limits.DETAIL, keep_newlines=True)
    lines = [Text(error.title, style="bold")]
    if error.message and error.message.lower() != error.title.lower():
        lines.append(safe(error.message, limit=limits.DETAIL, keep_newlines=True))
    if error.endpoint:
        lines.append(Text.assemble("at ", safe(error.endpoint, limit=limits.LINE)))
    if error.applied == "maybe":
        lines.append(Text("The write may have been applied: read again before repeating it."))
    if error.hint:
        lines.append(Text(error.hint))
    joined = Text("\n").join(lines)
    joined.no_wrap = False
    return joined
