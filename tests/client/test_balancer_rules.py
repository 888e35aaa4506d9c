"""The picker: round robin, one miss is enough, decay, learners and leaderless members last."""

from __future__ import annotations

from etcdtui.client._transport.balancer import DESPERATE_REST, FIRST_PENALTY, MAX_PENALTY, Balancer, Slot, Tier


def _three() -> tuple[Balancer[int], list[Slot[int]]]:
    slots = [Slot(name, index) for index, name in enumerate("abc")]
    balancer: Balancer[int] = Balancer()
    balancer.replace(tuple(slots))
    return balancer, slots


def _picks(balancer: Balancer[int], count: int = 6) -> set[str]:
    picked = [balancer.pick() for _ in range(count)]
    return {slot.name for slot in picked if slot is not None}


def test_nothing_is_picked_before_a_probe() -> None:
    balancer, slots = _three()
    assert balancer.pick() is None
    assert balancer.due(0.0) == tuple(slots)


def test_round_robin_over_the_good_ones() -> None:
    balancer, slots = _three()
    for slot in slots:
        balancer.answered(slot, Tier.GOOD, 0.0)
    assert balancer.all_good
    picked = [balancer.pick() for _ in range(9)]
    names = [slot.name for slot in picked if slot is not None]
    assert {name: names.count(name) for name in "abc"} == {"a": 3, "b": 3, "c": 3}


def test_one_miss_takes_an_endpoint_out_and_the_rest_decays() -> None:
    balancer, slots = _three()
    for slot in slots:
        balancer.answered(slot, Tier.GOOD, 0.0)
    balancer.failed(slots[0], 10.0)
    assert _picks(balancer) == {"b", "c"}
    assert balancer.due(10.0) == ()
    assert balancer.due(10.0 + FIRST_PENALTY) == (slots[0],)
    for _ in range(20):
        balancer.failed(slots[0], 20.0)
    assert balancer.due(20.0 + MAX_PENALTY) == (slots[0],)
    balancer.answered(slots[0], Tier.GOOD, 30.0)
    assert slots[0].failures == 0
    assert _picks(balancer) == {"a", "b", "c"}


def test_learners_and_leaderless_members_serve_only_without_better() -> None:
    balancer, slots = _three()
    balancer.answered(slots[0], Tier.LEARNER, 0.0)
    assert _picks(balancer) == {"a"}
    balancer.answered(slots[1], Tier.LEADERLESS, 0.0)
    assert _picks(balancer) == {"b"}
    balancer.answered(slots[2], Tier.GOOD, 0.0)
    assert _picks(balancer) == {"c"}
    assert not balancer.all_good


def test_avoiding_moves_down_a_tier_but_never_to_nothing() -> None:
    balancer, slots = _three()
    balancer.answered(slots[0], Tier.GOOD, 0.0)
    balancer.answered(slots[1], Tier.LEARNER, 0.0)
    picked = balancer.pick({"a"})
    assert picked is slots[1]
    assert balancer.pick({"a", "b"}) is slots[0]


def test_when_all_are_bad_they_are_looked_at_often() -> None:
    balancer, slots = _three()
    for slot in slots:
        for _ in range(10):
            balancer.failed(slot, 5.0)
    assert balancer.pick() is None
    assert balancer.due(5.0) == ()
    assert balancer.due(5.0 + DESPERATE_REST) == tuple(slots)


def test_a_lost_connection_is_asked_before_its_next_use() -> None:
    balancer, slots = _three()
    balancer.answered(slots[0], Tier.GOOD, 0.0)
    balancer.stale(slots[0])
    assert balancer.pick() is None
    assert slots[0] in balancer.due(0.0)
