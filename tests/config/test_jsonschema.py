"""The JSON schema in docs is what the dataclasses say; ``python -m tests.config.test_jsonschema`` writes it."""

from __future__ import annotations

import json
from pathlib import Path

from etcdtui.config.jsonschema import config_schema

FILE = Path(__file__).parents[2] / "docs" / "config.schema.json"


def _text() -> str:
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def test_the_schema_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == _text(), "run: python -m tests.config.test_jsonschema"


if __name__ == "__main__":
    FILE.write_text(_text(), encoding="utf-8")
