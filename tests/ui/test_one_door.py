"""Foreign text has one door to the screen: the source is read for a widget that is given anything else.

What makes something visible out of a ``str`` may be given words of ours only: literals, numbers, what ``safe``
returns, and the expressions named in ``OURS`` with the reason why they hold nothing from a server, a file or a person.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import etcdtui.ui

FOLDER = Path(etcdtui.ui.__file__).parent
SINKS = frozenset(
    {"Static", "Label", "Text", "Content", "Button", "Option", "Checkbox", "RadioButton", "Markdown", "Hit", "Select"}
)
"""Their first argument is shown."""
ALL_ARGUMENTS = frozenset({"assemble"})
METHODS = frozenset({"notify", "from_markup", "from_ansi", "styled"})
TITLES = frozenset({"border_title", "border_subtitle", "tooltip", "sub_title"})
SAFE_CALLS = ("safe", "error_line", "format_", "Text", "lease_hex", "range_text", "permission_words", "to_rich", "line",
              "assemble", "counted", "bar")  # fmt: skip
SAFE_TYPES = ("Text", "Text | None", "int", "float")
NUMERIC = frozenset(
    """
    as_of revision mod_revision compact_revision new_revision old_revision oldest version_count raft_index raft_term
    raft_applied_index index count events changes hash id learners members_total
    """.split()  # noqa: SIM905 - a list literal of that many words is no easier to read
)
"""Attributes that are numbers wherever they occur."""
NUMBERS = "xd%,fg"
"""A format with one of these at its end raises for a ``str``."""


class Words:
    """Judges the expressions of one function: a local name is ours when all that it is given in there is."""

    def __init__(self, scope: ast.AST) -> None:
        self.given: dict[str, list[ast.expr]] = {}
        self.texts: set[str] = set()
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    self._give(target, node.value)
            elif isinstance(node, ast.For | ast.comprehension):
                self._give(node.target, node.iter)
            elif isinstance(node, ast.arg) and node.annotation and ast.unparse(node.annotation) in SAFE_TYPES:
                self.texts.add(node.arg)

    def _give(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.given.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple):
            parts = value.elts if isinstance(value, ast.Tuple) else [value] * len(target.elts)
            for one, part in zip(target.elts, parts, strict=False):
                self._give(one, part)

    def are_ours(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        def ours(one: ast.expr) -> bool:
            return self.are_ours(one, seen)

        match node:
            case ast.Constant() | ast.Starred() | ast.Compare():
                return True
            case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts):
                return all(map(ours, parts))
            case ast.FormattedValue(value=value, format_spec=spec):
                told = ast.unparse(spec)[2:-1] if spec else ""
                return told[-1:] in tuple(NUMBERS) or ours(value)
            case ast.Tuple(elts=[first, *_]):
                return ours(first)
            case ast.BinOp(left=left, op=op, right=right):
                return ours(left) and (isinstance(op, ast.Mult | ast.Sub) or ours(right))
            case ast.IfExp(body=body, orelse=other):
                return ours(body) and ours(other)
            case ast.Name(id=name):
                values = self.given.get(name, [])
                known = bool(values) and name not in seen
                inner = seen | {name}
                return (
                    name.strip("_").isupper()
                    or name in self.texts
                    or (known and all(self.are_ours(value, inner) for value in values))
                )
            case ast.Attribute(attr=attr):
                return attr in NUMERIC or attr.isupper()
            case ast.Call(func=func):
                called = ast.unparse(func).rpartition(".")[2]
                if called == "str":
                    return all(ours(argument) for argument in node.args)
                return called.startswith(SAFE_CALLS) or called in ("len", "copy")
            case _:
                return False


def shown(tree: ast.AST) -> Iterator[ast.expr]:
    """Every expression that becomes visible text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ALL_ARGUMENTS:
                yield from node.args
            elif name in SINKS or name in METHODS:
                yield from node.args[:1]
        elif isinstance(node, ast.Assign) and any(getattr(one, "attr", "") in TITLES for one in node.targets):
            yield node.value


def foreign(source: str) -> set[str]:
    """What is shown in a module and is not known to be ours."""
    tree = ast.parse(source)
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for scope in scopes for node in shown(scope)}
    found = {ast.unparse(n) for n in shown(tree) if id(n) not in inside and not Words(tree).are_ours(n)}
    for scope in scopes:
        words = Words(scope)
        found |= {ast.unparse(node) for node in shown(scope) if not words.are_ours(node)}
    return found


@pytest.mark.parametrize(
    "source",
    [
        "Static(row.name)",
        "Label(f'user {name}')",
        "Text('user ' + name)",
        "Text.assemble('a', row.version)",
        "Text.assemble((row.version, 'bold'))",
        "Text(str(error))",
        "Text(title)",
        "self.notify(error.message)",
        "self.border_title = key",
        "Text(f'{name:>10}')",
    ],
)
def test_the_rule_catches(source: str) -> None:
    assert foreign(source)


@pytest.mark.parametrize(
    "source",
    ["Static(safe(row.name))", "Text('plain')", "Text(f'{format_size(size)}')", "Text(f'{share:.0%}')", "Text(TITLE)"],
)
def test_the_rule_lets_through(source: str) -> None:
    assert not foreign(source)


OURS: dict[str, tuple[str, ...]] = {
    "widgets/panehead.py": ("title",),
    "screens/members/lines.py": (
        "(quorum.words(), tone(quorum_tone))",
        "(f' as of {_clock(told.since)} ', tone('warn'))",
        "f'   id {member.id:x}   {row.role}'",
        "(f\"   revision {health.revision or '?'}   term {term or '?'}\", dim)",
        "Text('; ').join(words)",
        "f'   COMPACTED {at}{kept}'",
    ),
    "frame/outward.py": ("f'{format_size(len(packed.content))}, unpacked from {packed.format}'",),
    "app.py": ("f'not suspended: {because}'", "safe(message).plain", "f'not suspended: {because}'"),
    "flows/command.py": ("'; '.join(parsed.notices)",),
    "commands.py": (
        "f'it is a key of {words}'",
        "f'go to {tab.label}'",
        "f'on {tab.label}: {action.help}'",
        "action.help",
        "action.label",
        "command.help",
        "command.usage[0]",
        "form.usage",
        "f'on {where.capitalize()}, as in etcdctl'",
        "f'in {label}, {key} on {below.capitalize()}: {action.help}'",
    ),
    "dialogs.py": (
        "f'{screen.label} help'",
        "screen.about",
    ),
    "errors.py": (
        "error.hint",
        "error.title",
    ),
    "modals/choice.py": ("label",),
    "modals/stranger.py": (
        "words",
        "_named(known.cluster_id, known.members)",
        "_named(stranger.cluster_id, stranger.members)",
    ),
    "modals/dialog.py": ("title",),
    "modals/edit.py": (
        "(told, 'dim')",
        "f'edit{kind}  '",
    ),
    "modals/help.py": (
        "row.heading",
        "self._about",
        "self._facts",
    ),
    "modals/menu.py": (
        "action.help",
        "action.label",
    ),
    "modals/message.py": ("self._body",),
    "modals/prompt.py": ("self.explain",),
    "modals/review.py": (
        "f\"{(self.plan.action.upper() if self._typed else 'review: ' + self.plan.action)} \"",
        "f'  to {self._verb()}:'",
        "f'and a second line: {self.confirmation.phrase} N'",
        'f"not copied: {lines} lines are more than a terminal\'s clipboard takes"',
        "'copied as etcdctl' + (f', {lines} lines' if lines > 1 else '')",
    ),
    "screens/auth/screen.py": (
        "f\"as of {time.strftime('%H:%M:%S', time.localtime(self.seen))}\"",
        "(f'{what:<11}', tone('good'))",
        "f'             {words}'",
        "f'  {permission.type.name.lower():<10}'",
        "row.kind",
    ),
    "flows/access.py": (
        "cure",
        "f'  ! {words}'",
        "kind.name.lower()",
    ),
    "widgets/grants.py": (
        "(f'{what:<11}', good)",
        "key",
        "('' if tight and kind == 'prefix' else '  ' + kind, 'dim')",
        "f'{permission.type.name.lower():<10} '",
    ),
    "screens/compare/screen.py": (
        "name_of(self.left)",
        "name_of(self.right)",
        "SIGNS[row.kind]",
        "f\"all {many['same']} values are equal\"",
        "f\"{many['differs']} differ, {many['left']} only left, {many['right']} only right, {many['same']} equal\"",
        "name_of(self.left)",
        "name_of(self.right)",
    ),
    "frame/plans.py": ("offer.note", "offer.label"),
    "screens/doctor/plan.py": ("row.log.state.value",),
    "screens/doctor/screen.py": (
        "f.label",
        "f.severity.name",
        "f' {head}'",
        "f'checked {clock}'",
        "f'{what} is in '",
        "one",
    ),
    "screens/history/screen.py": (
        "'   '.join(words)",
        "f'comparing revision {since} with now…'",
        "f'{words}   etcd stores no times'",
        "row.change.value",
        "str(row.kv.version)",
        "words[row.mark]",
    ),
    "screens/leases.py": (
        "(marks, tone('accent'))",
        "f' granted {row.granted}s   remaining {row.ttl}s   {_renewal(row)}'",
        "row.state.value",
    ),
    "screens/members/screen.py": (
        "f'Status every {self.session.monitor.pause:g} s{sources}'",
        "(quorum.words(), tone(quorum_tone))",
        "f\"   revision {health.revision or '?'}   term {term or '?'}\"",
        "f'   id {member.id:x}   {row.role}'",
        "row.role",
        "str(value)",
    ),
    "flows/members.py": (
        "f'at revision {check.revision}: {check.verdict}'",
        "f'disarm {alarm.type.name}'",
    ),
    "screens/profiles/screen.py": (
        "(f' {safe(name, limit=16).plain} ', block)",
        "f' etcdtui {__version__}  '",
    ),
    "screens/compare/results.py": (
        "self._bytes(kv)",
        "str(kv.version)",
    ),
    "screens/search.py": ("f\"{query.how.value} in {('names and values' if query.values else 'names')}\"",),
    "screens/txn.py": (
        "branch",
        "f'{part}: {example}'",
        "words",
    ),
    "screens/watch/change.py": ("f'  rev {entry.revision}  {self.view}'",),
    "screens/watch/churn.py": (
        "(sparkline(row.graph, graph_width), self.tone('accent'))",
        "head",
    ),
    "screens/watch/saving.py": (
        "f' {recording.words}'",
        "f', {recording.words}'",
    ),
    "screens/watch/screen.py": (
        "f' from rev {spec.start_revision}'",
        "f'#{current.number} {have}' if narrow else f'watch #{current.number}  buffer {have}'",
        "lag_words(live)",
    ),
    "screens/watch/watches.py": (
        "f'#{one.number} '",
        "f'from {start}' if start else 'from now'",
        "f'{live.watchers} watchers'",
        "line",
        "stands.lag",
    ),
    "text.py": ("made.text",),
    "widgets/keytree.py": (
        "columns",
        "f'{size:>{wide}}{version:>{narrow}}'",
        "name",
        "self._arrow(row)",
        "self._markers(row)",
    ),
    "widgets/statusline.py": (
        "(text.plain, style)",
        "left",
        "line",
        "right",
    ),
    "widgets/table.py": (
        "empty",
        "title",
    ),
    "widgets/tail.py": (
        "(f'{entry.op:<4} ', self.tone(_OP_TONES.get(entry.op, 'muted')))",
        "(f'{revision:<{self._rev_width(width)}} ', self.tone('muted'))",
        "f'{clock} '",
        "line",
    ),
    "widgets/title.py": (
        "(f' {name.plain} ', environment_style(facts.color, self.app.theme_variables))",
        "count if short else f'{count} up'",
        "f'[ {mode} ]' if wide else f'[{mode}]'",
        "left",
        "right",
        "self.facts.lead",
        "words",
    ),
    "flows/key.py": (
        "f'{field.kind}; anything else is taken as text'",
        "title",
    ),
    "modals/form.py": ("line.label",),
    "screens/keys/screen.py": ("(words, tone('warn'))",),
    "screens/leases/detail.py": (
        "(cells, tone('accent'))",
        "(f' {name:>{label + 1}} |', tone('muted'))",
        "f\" remaining, last 2 min, until {time.strftime('%H:%M:%S', time.localtime(now))}\"",
        "f' {held}'",
        "text",
        "words",
    ),
    "screens/leases/screen.py": (
        "row.state.value + held",
        "self._old",
    ),
    "screens/locks/screen.py": (
        "'-' if lock.single else str(lock.waiters)",
        "(f' handover seen {clock}{revision}: ', self._tone('accent'))",
        "f'{lock.waiters} wait ' if lock.waiters else ''",
        "k.kind.value",
        "str(c.create_revision)",
        "str(lock.queue.index(one) + 1) if lock is not None and one in lock.queue else ''",
        "text",
        "word",
        "words.kube_renewal(lock.kube, time.time())",
        "words.since(k)",
        "words.ttl(one, row)",
    ),
}
"""Looked at one by one: a ``Text`` that was made safe where it comes from (a title, an item's label, a line of a
widget), a number, a word from a fixed set of ours (an enum, a tone, a state), or our own sentence kept in a field.
Nobody but the program fills them. A new row needs such a reason, not only a failing test."""


def test_nothing_foreign_is_given_to_a_widget() -> None:
    found = {
        f"{name}: {told}"
        for name, source in ((path.relative_to(FOLDER).as_posix(), path.read_text()) for path in FOLDER.rglob("*.py"))
        for told in foreign(source) - set(OURS.get(name, ()))
    }
    assert found == set(), "show it through ui.text.safe, or say in OURS why it cannot be foreign"
