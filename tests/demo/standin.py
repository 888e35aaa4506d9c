"""The demo with a stand-in for the UI: it says that it is open, and ends as its input says.

``python -m tests.demo.standin [MEMBERS]``; input lines: ``quit``, ``crash``, ``abort``, ``exit``.
"""

from __future__ import annotations

import os
import sys

from etcdtui.config.launch import Launch
from etcdtui.demo.run import run

QUIT_CODE = 5


def open_ui(launch: Launch) -> int:
    assert launch.profile is not None
    print("OPEN", launch.profile.name, *launch.profile.endpoints, flush=True)
    for line in sys.stdin:
        match line.strip():
            case "quit":
                return QUIT_CODE
            case "crash":
                raise RuntimeError("crashed on request")
            case "abort":
                os.abort()
            case "exit":
                os._exit(9)
    return 0


if __name__ == "__main__":
    sys.exit(run(Launch(), lambda: open_ui, int(sys.argv[1]) if len(sys.argv) > 1 else 1))
