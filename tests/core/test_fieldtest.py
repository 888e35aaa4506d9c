"""``json:`` in a filter: fields of a document by the end of their path, whatever the format."""

from __future__ import annotations

import pytest

from etcdtui.core.fieldtest import FilterError, compile_test
from etcdtui.core.search import TEXT, Field, compile_filter
from etcdtui.core.tree import Number, Tree

POD: Tree = {
    "kind": "Pod",
    "metadata": {"labels": {"app.kubernetes.io/name": "Web One"}, "deletionTimestamp": None},
    "spec": {
        "nodeName": "node-1",
        "replicas": Number("3"),
        "hostNetwork": True,
        "containers": [
            {"image": "nginx:1", "resources": {"limits": {"memory": "1Gi", "cpu": "500m"}}},
            {"image": "redis:7"},
        ],
    },
}


@pytest.mark.parametrize(
    ("words", "holds"),
    [
        ("spec.nodeName=node-1", True),
        ("nodename=NODE-1", False),  # an upper-case letter makes its own part exact
        ("nodename=node-1", True),
        (".nodeName", False),
        (".spec.nodeName", True),
        ("Name=node-1", False),  # whole names only
        ("*Name=node-1", True),
        ("image:redis", True),
        ("containers[0].image:redis", False),
        ("containers[1].image:redis", True),
        ("containers.image!=nginx:1", True),
        ("labels.app.kubernetes.io/name=web one", True),
        ('app.kubernetes.io/name="web one"', True),
        ("replicas>2", True),
        ("replicas>=3", True),
        ("replicas<3", False),
        ("limits.memory>900Mi", True),
        ("limits.cpu<1", True),
        ("hostNetwork=true", True),
        ("deletionTimestamp=null", True),
        ("nothing", False),
        ("nothing!=x", False),
    ],
)
def test_a_path_and_what_is_said_of_it(words: str, holds: bool) -> None:
    assert compile_test(words)(POD) is holds


def test_what_is_no_document_has_no_fields_and_no_path_is_a_sentence() -> None:
    assert not compile_test("a")(None)
    assert not compile_test("a")("text")
    for words in ("", "=x", ".", "a>word"):
        with pytest.raises(FilterError, match="json: "):
            compile_test(words)


def test_it_is_a_word_of_the_filter_beside_others_and_may_hold_blanks_in_quotes() -> None:
    wanted = compile_filter('pods !json:nothing json:io/name="web one"', {"json": Field.PATH})
    assert wanted({TEXT: "/registry/pods/a", "json": POD})
    assert not wanted({TEXT: "/registry/nodes/a", "json": POD})
