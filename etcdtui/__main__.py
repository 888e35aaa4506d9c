"""``python -m etcdtui``."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a source tree can be run without having been installed
    sys.exit("etcdtui needs Python 3.11 or newer")

from etcdtui.cli import main

if __name__ == "__main__":
    sys.exit(main())
