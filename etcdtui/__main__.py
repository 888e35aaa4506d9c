"""``python -m etcdtui``."""

from __future__ import annotations

import sys

from etcdtui.cli import main

if __name__ == "__main__":
    sys.exit(main())
