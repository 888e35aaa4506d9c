"""Where etcd's own tools keep a client's settings; each is imported when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdtui.core.late import late

if TYPE_CHECKING:
    from etcdtui.client._sources.env import read_env as read_env
    from etcdtui.client._sources.source import Source as Source
    from etcdtui.client._sources.yaml_file import read_yaml as read_yaml

__getattr__ = late(__name__, {"Source": "source", "read_env": "env", "read_yaml": "yaml_file"})
