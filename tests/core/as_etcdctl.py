"""Texts for etcdctl and for us: made at random from what people write and from what trips a reader."""

from __future__ import annotations

import random
import subprocess

KEYS = [
    "/a",
    "a b",
    "",
    "/a/",
    "k\\x00",
    "k\\n",
    "ä",
    "k\\u00e9",
    "\\101",
    "-k",
    "'",
    "k\\\\",
    "zz\\xff",
    "\\q",
    "\\400",
]
BARE = ["/a", '{"a":1}', "a'b", "-", "--", "x=y", "ä", "a\\nb", "'", '"', 'a"b c"', "''", "$HOME", "*", "\x0b", "\\"]
NUMBERS = ["0", "1", "-1", "+2", "007", "0x10", "1_0", "9223372036854775807", "9223372036854775808", "", " 1", "ten"]
SIGNS = ["=", "!=", "<", ">", "==", "<=", "", "eq"]
TARGETS = ["mod", "m", "create", "c", "version", "ver", "value", "val", "MOD", "", "mod ", "size"]
GAPS = ["", " ", " ", " ", "  ", "\t", "\u00a0", "\x0b"]
SWITCHES = [
    "--prefix",     "--prev-kv",     "--from-key",     "--keys-only",     "--count-only",
    "--ignore-lease",     "--ignore-value",     "--prefix=false",     "--prefix=T",     "--prefix=maybe",
    "--print-value-only",     "--range",     "--bogus",     "-p",     "--",
]  # fmt: skip
VALUED = [
    "--lease",     "--rev",     "--limit",     "--sort-by",     "--order",     "--consistency",
    "--min-mod-rev",     "--max-mod-rev",     "--min-create-rev",     "--max-create-rev",
]  # fmt: skip
VALUES = [
    "1",     "0",     "1f",     "0x1f",     "-3",     "CREATE",     "modify",     "KEY",     "size",
    "ASCEND",     "descend",     "up",     "l",     "s",     "x",     "010",     "7fffffffffffffff",
    "8000000000000000",     "0b11",     "1_0",
]  # fmt: skip


def quoted(dice: random.Random) -> str:
    """A word in one of the ways of quoting, sometimes left open."""
    text = dice.choice(KEYS)
    way = dice.random()
    if way < 0.6:
        return f'"{text}"'
    if way < 0.75:
        return f"'{text}'"
    if way < 0.8:
        return f"`{text}`"
    return dice.choice(BARE) if way < 0.95 else f'"{text}'


def compare(dice: random.Random) -> str:
    good = dice.random() < 0.5
    target = dice.choice(TARGETS[:8]) if good else dice.choice(TARGETS)
    key = f'"{dice.choice(KEYS)}"' if good else quoted(dice)
    sign = dice.choice(SIGNS[:4]) if good else dice.choice(SIGNS)
    number = dice.choice(NUMBERS[:2] if good else NUMBERS)
    operand = f'"{number}"' if good or dice.random() < 0.7 else number
    gap, after = (" ", " ") if good else (dice.choice(GAPS), dice.choice(GAPS))
    return f"{target}({key}){gap}{sign}{after}{operand}"


def request(dice: random.Random, verbs: tuple[str, ...] = ("get", "put", "del")) -> str:
    verb = dice.choice(verbs)
    wanted = 2 if verb == "put" else dice.choice([1, 1, 2])
    words = [quoted(dice) for _ in range(wanted if dice.random() < 0.9 else dice.randint(0, 4))]
    for _ in range(dice.choice([0, 0, 1, 1, 2])):
        flag = dice.choice(SWITCHES)
        if dice.random() < 0.5:
            flag = dice.choice(VALUED) + dice.choice(["=", " "]) + dice.choice(VALUES)
        words.insert(dice.randint(0, len(words)), flag)
    line = dice.choice([" ", " ", "  ", "\t"]).join([verb, *words])
    return line if dice.random() < 0.95 else f"{dice.choice(GAPS)}{line}{dice.choice(GAPS)}"


def transaction(dice: random.Random) -> str:
    """A whole text; mostly one odd line among good ones, so that most texts are decided by it."""
    compares = [compare(dice) for _ in range(dice.choice([0, 1, 1, 2]))]
    branches = [[request(dice) for _ in range(dice.choice([0, 1, 1]))] for _ in range(2)]
    return "\n".join("".join(f"{line}\n" for line in part) for part in (compares, *branches)) + "\n"


def is_one_command(line: str) -> bool:
    """Whether a shell reads the line as one plain command: nothing is expanded, and every quote is closed."""
    return (
        not any(char in line for char in "`$*\u00a0\x0b{}<>|&;()\\")
        and subprocess.run(["sh", "-n", "-c", line], stderr=subprocess.DEVNULL, check=False).returncode == 0
    )
