"""How many characters of a text are shown, by what it is; a longer one is cut with a mark by ``core.safe_text``.

A terminal is at most some hundred columns wide: what is cut here would not fit, but would cost time to lay out.
"""

NAME = 60
"""The name of a user, role, member or profile."""
SHORT_NAME = 40
"""A name in the title line, or beside other columns of a row."""
TINY_NAME = 24
"""A name in a row that has to stay short."""
WORDS = 200
"""A reason, a URL, a path or a cell of a table."""
LINE = 300
"""A sentence, or a key, that has a line for itself."""
DETAIL = 2000
"""A sentence that may take several lines, in a dialog or a detail pane."""

NARROW = 60
"""Columns below which a screen or dialog leaves out what it can do without."""
WIDE = 100
"""Columns from which there is room for everything."""
