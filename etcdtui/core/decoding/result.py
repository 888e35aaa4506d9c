"""What decoding a value yields, and what it needs from rooms above.

All text in here is foreign: it goes through ``safe_text`` before it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

from etcdtui.core.tree import Tree
from etcdtui.core.value import Value

MAX_JSON = 4 * 1024 * 1024
MAX_SLOW_PARSE = 256 * 1024
"""Bytes up to which YAML, TOML, XML and unproven binary formats are parsed without being asked to."""
MAX_INFLATED = 4 * 1024 * 1024
HIDDEN = "********"

Lines = Sequence[str]


class View(Value):
    """One way to see the value. ``lines`` may be slow the first time: call it in a thread for large values.

    ``syntax`` names the colouring: ``json``, ``yaml``, ``toml``, ``xml`` or nothing.
    """

    name: str
    lines: Callable[[], Lines]
    syntax: str = ""


class Fact(Value):
    """One line for the header above the value: ``kind``, ``Pod``."""

    name: str
    value: str


class Decoded(Value):
    """``kind`` is claimed only by proof, ``how`` says which; ``hints`` are guesses and never choose a view.

    ``views[0]`` is shown first. ``masked`` when fields are hidden in every view. ``managed_by`` names the program
    that owns such data (``kube-apiserver``); ``problem`` says why a decoder of the profile could not do its work;
    ``unparsed`` that the value is larger than what is parsed without ``force``.
    """

    kind: str
    how: str
    views: tuple[View, ...] = ()
    hints: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    masked: bool = False
    managed_by: str = ""
    problem: str = ""
    unparsed: bool = False


class Hooks(Value):
    """Abilities that need more than the standard library, given by the room that has them.

    ``profile`` decodes by the profile's rules for the key, or gives ``None``. ``parse_yaml`` raises ``ValueError`` on
    anything but one strict document. ``describe_certificate`` takes DER. ``inflate_zstd`` takes the frame and the
    greatest result size, and raises ``ValueError``.
    """

    profile: Callable[[Request], Decoded | None] | None = None
    parse_yaml: Callable[[str], Tree] | None = None
    describe_certificate: Callable[[bytes], Sequence[Fact]] | None = None
    inflate_zstd: Callable[[bytes, int], bytes] | None = None


class Request(Value):
    """One value to decode. ``mask`` are field names (any letter case) whose content is hidden unless ``reveal``.

    ``force`` lifts the size limits of parsing; ``nested`` when the value came out of another one.
    """

    key: bytes
    value: bytes
    mask: frozenset[str] = frozenset()
    reveal: bool = False
    force: bool = False
    nested: bool = False
    hooks: Hooks = field(default_factory=Hooks)

    @property
    def hidden_fields(self) -> frozenset[str]:
        return frozenset() if self.reveal else self.mask

    def small(self, limit: int) -> bool:
        return self.force or len(self.value) <= limit


class TextRequest(Value):
    """A value that is strict UTF-8 without control characters other than tab, line feed and carriage return."""

    request: Request
    text: str
    stripped: str
