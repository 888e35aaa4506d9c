"""The bench's own sender of watch events keeps the rules of HTTP/2 about windows, or a receiver would wait for ever."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from bench.firehose import DATA, HEADERS, INITIAL_WINDOW_SETTING, PREFACE_BYTES, SETTINGS, WINDOW_UPDATE, Peer
from etcdtui.pb import rpc_pb2

FIRST = 65_535
WIDER = 200_000
STREAM = 1
PEERS = 100
"""A slip in the order of two threads shows in some of so many."""


class Receiver:
    """The client's side of one connection, frame by frame."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")

    def say(self, kind: int, stream: int, payload: bytes) -> None:
        head = len(payload).to_bytes(3, "big") + bytes((kind, 0)) + stream.to_bytes(4, "big")
        self._connection.sendall(head + payload)

    def frames(self) -> Iterator[tuple[int, int, int]]:
        """Kind, flags and size of what comes."""
        while head := self._file.read(9):
            size = int.from_bytes(head[:3], "big")
            self._file.read(size)
            yield head[3], head[4], size

    def data(self, size: int) -> bool:
        """Take data until so much came; whether the new settings were answered meanwhile."""
        answered = False
        for kind, flags, length in self.frames():
            answered = answered or (kind == SETTINGS and flags == 1)
            size -= length if kind == DATA else 0
            if size <= 0:
                assert size == 0
                return answered
        raise AssertionError("the sender left")

    def close(self) -> None:
        self._file.close()
        self._connection.close()


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that asked for many events and has room for more than the first window."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    sender = threading.Thread(target=Peer(theirs, 20_000).serve, daemon=True)
    sender.start()
    with closing(Receiver(ours)) as side:
        ours.sendall(bytes(PREFACE_BYTES))
        create = rpc_pb2.WatchRequest(create_request=rpc_pb2.WatchCreateRequest(key=b"10")).SerializeToString()
        side.say(WINDOW_UPDATE, 0, (10**6).to_bytes(4, "big"))
        side.say(HEADERS, STREAM, b"")
        side.say(DATA, STREAM, b"\0" + struct.pack(">I", len(create)) + create)
        yield side
    sender.join(10)
    assert not sender.is_alive()


def test_a_new_first_window_moves_open_streams_and_is_answered_before_it_is_used() -> None:
    for _ in range(PEERS):
        with receiver() as side:
            assert not side.data(FIRST)
            side.say(SETTINGS, 0, struct.pack(">HI", INITIAL_WINDOW_SETTING, WIDER))
            for kind, flags, _size in side.frames():
                assert (kind, flags) == (SETTINGS, 1), "data came before the answer"
                break
            side.data(WIDER - FIRST)
            side.say(WINDOW_UPDATE, STREAM, (5000).to_bytes(4, "big"))
            side.data(5000)
