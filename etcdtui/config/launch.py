"""What the command line hands to the user interface."""

from __future__ import annotations

from dataclasses import field

from etcdtui.config.schema import Config, Profile
from etcdtui.core.value import Value


class Launch(Value):
    """One start of the program, fully decided.

    ``profile`` is the one to open, flags applied; ``None`` means: let the user pick from ``config``. ``provenance``
    says for each setting that did not come from a default where it came from (``("endpoints", "--endpoints")``).
    ``notices`` are sentences to show once after start, ``tip`` one that stays for a while. ``prefix`` is the key or
    prefix to open on, ``rev`` 0 = now, ``replay`` a recording and ``snapshot`` a database file to open instead of a
    cluster (``profile`` lends its looks, and is what the file is compared with), ``screen`` the name of one, ``theme``
    a theme name or ``auto``, ``log_file`` empty = the state folder's.
    ``remembers`` says whether the cluster is one to be met again.
    """

    config: Config = field(default_factory=Config)
    profile: Profile | None = None
    read_only: bool = False
    write: bool = False
    prefix: str = ""
    rev: int = 0
    replay: str = ""
    snapshot: str = ""
    screen: str = "keys"
    theme: str = "auto"
    no_color: bool = False
    ascii: bool = False
    mouse: bool = True
    hex: bool = False
    dry_run: bool = False
    debug: bool = False
    remembers: bool = True
    log_file: str = ""
    provenance: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()
    tip: str = ""
