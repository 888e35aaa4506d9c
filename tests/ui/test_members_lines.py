"""What Members says beside its table, from doctored clusters: nothing is guessed, and nothing old is bright."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from rich.style import Style
from rich.text import Text

from etcdtui.core.errors import PermissionDenied
from etcdtui.services.cluster.doctor.checks import Streaks, examine
from etcdtui.services.cluster.doctor.inputs import Inputs, MemberLook
from etcdtui.services.cluster.doctor.report import Report
from etcdtui.services.cluster.endpoint_health import EndpointHealth
from etcdtui.services.cluster.metrics import MemberMetrics
from etcdtui.services.cluster.runbooks.mending import mends, why_not_begin
from etcdtui.services.cluster.runbooks.spec import Kind
from etcdtui.ui.bindings import MEMBERS, TABLE, actions_for
from etcdtui.ui.flows.members import MemberWriting
from etcdtui.ui.modals.menu import MenuDialog
from etcdtui.ui.modals.picker import Item
from etcdtui.ui.screens.members.lines import Told, member_lines, summary_lines
from tests.services.doctor_support import NOW, endpoint, health, healthy, inputs, judged, status
from tests.services.test_doctor_checks import CASES, changed


def tone(name: str) -> Style:
    return Style(meta={"tone": name})


def told(given: Inputs, **changes: object) -> Told:
    report = Report(examine(given, Streaks()), 1, 5000, NOW)
    base = Told(given.view, given.samples, given, report, NOW - 5, NOW)
    return replace(base, **changes)  # type: ignore[arg-type]  # a test names fields


def words(lines: list[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def test_a_healthy_cluster_in_two_lines() -> None:
    said = words(summary_lines(told(inputs()), tone)).splitlines()
    assert len(said) == 2
    assert "QUORUM 2 of 3 needed, 3 up: can lose 1 more" in said[0] and "leader m1 for more than 8s" in said[0]
    for part in ("ALARMS none", "VERSION 3.6.14 (cluster 3.6", "AUTH off", "COMPACTED at 4000 (1,000 kept)"):
        assert part in said[1]


def test_a_leader_that_was_seen_to_come_has_a_time() -> None:
    assert " since " in words(summary_lines(told(inputs(samples=changed(1))), tone))


def test_even_voters_skewed_and_bad_versions_stand_above_the_table() -> None:
    four = health(*(endpoint(n, status(n, version="3.5.1" if n < 4 else "3.4.23")) for n in (1, 2, 3, 4)))
    said = words(summary_lines(told(inputs(four)), tone))
    for part in (" NOTE ", "4 voters tolerate no more than 3", "two minor versions", "faults are known of", "7 tells"):
        assert part in said


def test_without_a_leader_what_the_cluster_said_is_dimmed_and_dated() -> None:
    left = health(endpoint(1, status(1, leader=0)), endpoint(2, None), endpoint(3, None), leader=0)
    lines = summary_lines(told(inputs(left, alarms=None)), tone)
    assert "NO LEADER" in lines[0].plain and "ALARMS ?" in lines[1].plain
    assert lines[1].plain.startswith(" as of ") and len(lines) == 2
    at = lines[1].plain.index("VERSION")
    dims = [s for s in lines[1].spans if isinstance(s.style, Style) and s.style.meta.get("tone") == "dim"]
    assert any(span.start <= at < span.end for span in dims)


def test_measured_figures_and_the_course_of_the_last_minutes() -> None:
    given = inputs()
    said = words(member_lines(told(given), given.view.rows[1], tone))
    for part in ("fsync p99", "commit p99", "peer RTT p99 m3", "proposals/s", "fds 100/1,000", "writes/s", "RTT "):
        assert part in said
    assert "defrag frees at least" in said and "quota 2.0 GB" in said


def test_a_member_behind_a_tunnel_is_not_reachable_from_here_which_is_not_down() -> None:
    given = inputs()
    row = replace(given.view.rows[1], endpoint="", up=False, status=None)
    hidden = MemberLook(row, None, MemberMetrics(why="not reachable from here"))
    given = replace(given, looks=(given.looks[0], hidden, given.looks[2]))
    said = words(member_lines(told(given), row, tone))
    assert "/metrics not reachable from here" in said and "DOWN" not in said and row.state == "no endpoint"


def test_a_limited_user_reads_who_tells_what_and_no_blank() -> None:
    denied = PermissionDenied("permission denied")
    cluster = health(*(EndpointHealth(f"e{n}", True, None, denied, 0.01, NOW, n) for n in (1, 2, 3)), leader=0)
    cluster = replace(cluster, state=healthy().state)
    given = inputs(cluster, alarms=None, alarms_why="permission denied", auth=None)
    said = words(summary_lines(told(given), tone))
    assert "leader not told" in said and "VERSION 3.6.14" in said and "AUTH ?" in said
    said = words(member_lines(told(given), given.view.rows[0], tone))
    assert "Status is not told to this user" in said and "fsync p99" in said


def offered(given: Inputs) -> list[Item]:
    """The upkeep of member 1 as the menu of Members has it, in an unlocked profile."""
    health = given.view.health
    face = SimpleNamespace(session=SimpleNamespace(health=health, why_no_writes=health.why_no_writes))
    return MemberWriting(cast("Any", face), lambda _: None, lambda: given.view).offers(given.view.rows[0], ())


def test_without_a_leader_what_is_offered_reads_only_and_the_rest_gives_one_reason() -> None:
    assert {item.value for item in offered(inputs()) if item.reason} == {"plan quorum"}
    left = health(endpoint(1, status(1, leader=0)), endpoint(2, None), endpoint(3, None), leader=0)
    items = offered(inputs(left))
    assert {item.value for item in items if not item.reason} == {
        "snapshot",
        "plan hashes",
        "plan quorum",
        "plan corrupt",
    }
    assert {item.reason.plain for item in items if item.reason} == {left.why_no_writes}


def test_what_to_do_names_keys_that_are_there() -> None:
    there = {item.key for _, _, _, given in CASES for item in offered(given)}
    named = set()
    for check_id, _, _, given in CASES:
        named |= set(re.findall(r"o, (\w) on (?:its row of )?Members", judged(check_id, given).todo))
    assert named and named <= there, named - there


def test_no_plan_that_writes_begins_without_a_leader_and_all_give_one_reason() -> None:
    left = health(endpoint(1, status(1, leader=0)), endpoint(2, None), endpoint(3, None), leader=0)
    view = inputs(left).view
    reasons = {kind: why_not_begin(kind, view) for kind in Kind}
    readers = {kind for kind, why in reasons.items() if not why}
    assert readers == {Kind.QUORUM, Kind.HASHES, Kind.CORRUPT}
    assert {why for why in reasons.values() if why} == {left.why_no_writes}


def test_a_downgrade_under_way_can_be_cancelled_while_members_are_older_already() -> None:
    mixed = health(*(endpoint(n, status(n, version="3.5.30" if n == 3 else "3.6.14")) for n in (1, 2, 3)))
    assert "3.6" in why_not_begin(Kind.DOWNGRADE, inputs(mixed).view)
    told_so = [status(n, version="3.5.30" if n == 3 else "3.6.14", downgrade_enabled=n != 3) for n in (1, 2, 3)]
    under_way = health(*(endpoint(n + 1, one) for n, one in enumerate(told_so)))
    assert not why_not_begin(Kind.DOWNGRADE, inputs(under_way).view)


def test_findings_lead_to_the_plan_that_mends_them() -> None:
    found = {}
    for check_id, what, _, given in CASES:
        finding = next(f for f in examine(given, Streaks()) if f.id == check_id)
        if kind := mends(finding):
            found[f"{check_id}: {what}"] = kind
    assert found["alarms: NOSPACE"] is Kind.NOSPACE and found["alarms: CORRUPT"] is Kind.CORRUPT
    assert found["quorum: two of three down"] is Kind.QUORUM and found["agreement: different"] is Kind.CORRUPT
    assert found["bad-versions: 3.5.1"] is Kind.UPGRADE and found["downgrade: under way"] is Kind.DOWNGRADE
    assert "quorum: one of three down" not in found and "quota: 79 %" not in found


def test_letters_of_what_is_on_offer_are_not_taken_by_the_rows_below() -> None:
    more = [Item("plan nospace", Text("free space"), key="s")]
    dialog = MenuDialog(Text("menu"), actions_for(MEMBERS, TABLE), {}, lambda _: "", more)
    keys = [key for item in dialog.all_items for key in item.key.split()]
    assert "s" in keys and len(keys) == len(set(keys)), keys
