"""TOML laid out: a space around equals signs, an empty line before a section; comments and values stay as written."""

from __future__ import annotations

import tomllib

from etcdtui.core.value import record

_STRINGS = ('"""', "'''", '"', "'")
_CANNOT = "This TOML cannot be formatted without a change of its content."


@record(frozen=False)
class _Scan:
    """Where a statement is after a line: in which string of several lines, and in how many brackets."""

    quote: str = ""
    depth: int = 0
    equals: int = -1

    def line(self, line: str) -> None:
        self.equals = -1
        at = 0
        while at < len(line):
            if self.quote:
                if line.startswith("\\", at) and self.quote[0] == '"':
                    at += 2
                elif line.startswith(self.quote, at):
                    at += len(self.quote)
                    self.quote = ""
                else:
                    at += 1
                continue
            quote = next((one for one in _STRINGS if line.startswith(one, at)), "")
            if quote:
                self.quote = quote
                at += len(quote)
                continue
            char = line[at]
            if char == "#":
                break
            if char == "=" and self.equals < 0 and not self.depth:
                self.equals = at
            self.depth += (char in "[{") - (char in "]}")
            at += 1
        if len(self.quote) == 1:
            self.quote = ""


def pretty(text: str) -> str:
    """Raises ``ValueError`` for what is no TOML, or would become other TOML."""
    out: list[str] = []
    scan = _Scan()
    for line in text.replace("\r\n", "\n").split("\n"):
        inside = scan.quote or scan.depth
        in_string = bool(scan.quote)
        scan.line(line)
        if inside:
            out.append(line if in_string or scan.quote else line.rstrip())
        elif scan.equals >= 0:
            value = line[scan.equals + 1 :].lstrip()
            value = value if scan.quote else value.rstrip()
            out.append(f"{line[: scan.equals].strip()} = {value}")
        else:
            _add(out, line.strip())
    made = "\n".join(out).strip("\n") + ("\n" if text.endswith("\n") else "")
    try:
        same = tomllib.loads(made) == tomllib.loads(text.replace("\r\n", "\n"))
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise ValueError(_CANNOT)
    return made


def _add(out: list[str], line: str) -> None:
    """A section, a comment or an empty line."""
    if not line:
        if out and out[-1]:
            out.append("")
    elif line.startswith("[") and out:
        at = len(out)
        while at and out[at - 1].startswith("#"):
            at -= 1
        if at and out[at - 1]:
            out.insert(at, "")
        out.append(line)
    else:
        out.append(line)
