"""A supplier that notes what it is sent and answers as it is told: the journal against which deliveries are checked."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Receiver:
    """Accepts orders on a free port and counts them by id; knows them by their id as partners are asked to."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.order: list[str] = []
        self.bodies: dict[str, set[bytes]] = {}
        receiver = self

        class Desk(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                body = self.rfile.read(size)
                if len(body) < size:
                    return  # the sender died half-way: nothing was received
                receiver.note(self.headers["webhook-id"], body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        self.port = int(self._server.server_address[1])
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def note(self, identity: str, body: bytes) -> None:
        """Note a delivery."""
        with self._lock:
            if identity not in self.seen:
                self.order.append(identity)
            self.seen[identity] += 1
            self.bodies.setdefault(identity, set()).add(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
