"""A server that sends prepared watch events as fast as its sockets take them, so that only the receiver is measured.

``python -m bench.firehose EVENTS`` prints its port and serves until killed. It speaks as much HTTP/2 as one gRPC watch
stream needs. The key of a create request says how many events, each of an own revision, a message holds: ``b"100"``.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
from functools import cache

from etcdtui.pb import kv_pb2, rpc_pb2

DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
INITIAL_WINDOW_SETTING = 4
FRAME_BYTES = 16_384
END_STREAM, END_HEADERS = 1, 4
RESPONSE_HEADERS = b"\x88\x00\x0ccontent-type\x10application/grpc"
OK_TRAILERS = b"\x00\x0bgrpc-status\x010"
MOST_MESSAGES = 20_000
MEMBER = rpc_pb2.ResponseHeader(cluster_id=2**63 + 1, member_id=2**63 + 2, revision=1, raft_term=3)
PREFACE_BYTES = 24
STATUS_REQUEST = bytes(5)
VALUE = bytes(64)


def _message(response: rpc_pb2.WatchResponse | rpc_pb2.StatusResponse) -> bytes:
    body = response.SerializeToString()
    return b"\0" + struct.pack(">I", len(body)) + body


@cache
def history(events: int, per_message: int) -> bytes:
    """All messages of one load, one after the other; revisions begin at 2."""
    out = []
    events = min(events, MOST_MESSAGES * per_message)
    for first in range(2, events + 2, per_message):
        revisions = range(first, min(first + per_message, events + 2))
        response = rpc_pb2.WatchResponse(header=MEMBER, watch_id=1)
        for revision in revisions:
            key = b"event/%05d" % (revision % 20_000)
            kv = kv_pb2.KeyValue(key=key, value=VALUE, create_revision=2, mod_revision=revision, version=revision)
            response.events.append(kv_pb2.Event(kv=kv))
        out.append(_message(response))
    return b"".join(out)


class Peer:
    """One connection; a thread reads what the client sends, another one sends events within its windows."""

    def __init__(self, connection: socket.socket, events: int) -> None:
        self._connection = connection
        self._events = events
        self._changed = threading.Condition()
        self._initial_window = 65_535
        self._windows: dict[int, int] = {0: 65_535}
        self._gone = False

    def serve(self) -> None:
        try:
            self._take(PREFACE_BYTES)
            self._frame(SETTINGS, 0, 0, b"")
            while True:
                head = self._take(9)
                size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
                stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
                self._handle(kind, flags, stream, self._take(size))
        except OSError:
            with self._changed:
                self._gone = True
                self._changed.notify_all()
            self._connection.close()

    def _take(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            part = self._connection.recv(size - len(got))
            if not part:
                raise ConnectionResetError
            got += part
        return got

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes | memoryview) -> None:
        head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
        with self._changed:
            self._connection.sendall(head + payload)

    def _handle(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags:
            self._settle(payload)
        elif kind == PING and not flags:
            self._frame(PING, 1, 0, payload)
        elif kind == WINDOW_UPDATE:
            with self._changed:
                more = int.from_bytes(payload, "big")
                self._windows[stream] = self._windows.get(stream, self._initial_window) + more
                self._changed.notify_all()
        elif kind == HEADERS:
            self._frame(HEADERS, END_HEADERS, stream, RESPONSE_HEADERS)
        elif kind == DATA and payload == STATUS_REQUEST:
            self._frame(DATA, 0, stream, _message(rpc_pb2.StatusResponse(header=MEMBER, version="3.5.0", leader=1)))
            self._frame(HEADERS, END_HEADERS | END_STREAM, stream, OK_TRAILERS)
        elif kind == DATA and payload:
            request = rpc_pb2.WatchRequest.FromString(payload[5:])
            if request.HasField("create_request"):
                load = history(self._events, int(request.create_request.key))
                threading.Thread(target=self._pour, args=(stream, load), daemon=True).start()
        # What else comes (resets, priorities) needs no answer: a stream that is left is simply starved of window.

    def _settle(self, payload: bytes) -> None:
        """A new first window moves those of the open streams too. No data that needs it may go before the answer:
        until that comes the client counts by the old one and ends the stream."""
        with self._changed:
            for place in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, place)
                if name == INITIAL_WINDOW_SETTING:
                    for stream in self._windows.keys() - {0}:
                        self._windows[stream] += value - self._initial_window
                    self._initial_window = value
            self._frame(SETTINGS, 1, 0, b"")
            self._changed.notify_all()

    def _pour(self, stream: int, load: bytes) -> None:
        created = rpc_pb2.WatchResponse(header=MEMBER, watch_id=1, created=True)
        view = memoryview(_message(created) + load)
        try:
            while view and (sent := self._send(stream, view[:FRAME_BYTES])):
                view = view[sent:]
        except OSError:
            return

    def _send(self, stream: int, data: memoryview) -> int:
        """Sends what the windows allow, once they allow something; 0 when the client is gone."""
        with self._changed:
            self._windows.setdefault(stream, self._initial_window)
            while not self._gone and min(self._windows[0], self._windows[stream]) <= 0:
                self._changed.wait()
            if self._gone:
                return 0
            room = min(len(data), self._windows[0], self._windows[stream])
            self._windows[0] -= room
            self._windows[stream] -= room
            self._frame(DATA, 0, stream, data[:room])
            return room


def main(events: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    for per_message in (1, 10, 100):
        history(events, per_message)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Peer(connection, events).serve, daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
