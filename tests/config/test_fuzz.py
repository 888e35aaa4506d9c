"""Whatever a file holds, loading it ends with a configuration, problems with lines, and no exception."""

from __future__ import annotations

import os
from dataclasses import fields

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etcdtui.config.schema import Auth, Config, Defaults, Environment, Kubernetes, Limits, Mask, Profile, Tls
from tests.config.conftest import Loads

SECTIONS = (Auth, Config, Defaults, Environment, Kubernetes, Limits, Mask, Profile, Tls)
NAMES = sorted(
    {
        item.name
        for cls in (Auth, Config, Defaults, Environment, Kubernetes, Limits, Mask, Profile, Tls)
        for item in fields(cls)
    }
    | {"a", "prod", "profiles", "environments"}
)
EXAMPLES = int(os.environ.get("ETCDTUI_FUZZ", "150"))
QUIET = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS = st.one_of(
    st.sampled_from(
        ["true", "false", "auto", "kubeadm", "env", "127.0.0.1:1", "5s", "${X}", "~", "prod", "", "\x1b[2J"]
    ),
    st.text(max_size=8),
    st.integers(),
    st.none(),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)


def _sound(config: Config) -> None:
    for problem in config.problems:
        assert problem.line >= 0 and str(problem).isprintable()
    names = {profile.name for profile in config.profiles}
    assert not names & {broken.name for broken in config.broken}
    assert all(one.endpoints or one.discovery_srv or one.kubernetes.is_given for one in config.profiles)


@QUIET
@given(st.binary(max_size=200) | st.text("abc:-[]{}&*!|>'\"#%@`,? \n\t<~\x00\x85", max_size=80).map(str.encode))
def test_any_bytes(loads: Loads, data: bytes) -> None:
    _sound(loads(data))


@QUIET
@given(
    st.dictionaries(st.sampled_from(["profiles", "defaults", "environments", "keymap", "include"]), TREES, max_size=4)
)
def test_any_tree_of_known_names(loads: Loads, tree: dict[str, object]) -> None:
    _sound(loads(yaml.safe_dump(tree, allow_unicode=True)))
    _sound(loads(yaml.safe_dump({"profiles": {"a": tree.get("profiles")}}, allow_unicode=True)))
