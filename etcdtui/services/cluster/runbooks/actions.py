"""The kinds of steps there are, by the name that a runbook on disk gives them."""

from __future__ import annotations

from collections.abc import Mapping

from etcdtui.services.cluster.runbooks import membership, upkeep
from etcdtui.services.cluster.runbooks.action import Action

ACTIONS: Mapping[str, Action] = {
    "snapshot": upkeep.Snapshot(),
    "compact": upkeep.Compact(),
    "wait-space": upkeep.WaitSpace(),
    "defrag": upkeep.Defragment(),
    "wait-well": upkeep.WaitWell(),
    "pause": upkeep.Pause(),
    "move-leader": upkeep.MoveLeader(),
    "clear": upkeep.ClearAlarms(),
    "probe": upkeep.Probe(),
    "healthy": membership.Healthy(),
    "remove": membership.Remove(),
    "add": membership.Add(),
    "wait-joined": membership.WaitJoined(),
    "promote": membership.Promote(),
    "restart": membership.WaitRestart(),
    "advice": membership.Advice(),
    "hashes": membership.Hashes(),
    "downgrade-validate": membership.Downgrade("validate"),
    "downgrade-enable": membership.Downgrade("enable"),
    "downgrade-cancel": membership.Downgrade("cancel"),
}


def action_of(name: str) -> Action | None:
    """``None`` for a name that another version of the program wrote."""
    return ACTIONS.get(name)
