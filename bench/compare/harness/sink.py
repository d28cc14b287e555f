"""What swallows uploads behind the upstream, and exchanges tokens slowly. As a program, which imports
nothing of the rest: `python3 sink.py PORT FILE`, where the file has the answer of an exchange."""

import json
import socket
import sys
import threading
import time
from pathlib import Path

EXCHANGE_SECONDS = 3


class Sink:
    def __init__(self, stage):
        from .processes import OTHER_CPU, free_port
        from .upstream import EXCHANGED

        self.port = free_port()
        answer = stage.file("exchanged.json", json.dumps(EXCHANGED))
        argv = [sys.executable, Path(__file__), self.port, answer]
        stage.wait_for_port(stage.start("sink", argv, OTHER_CPU), self.port)


class Connection:
    """Answers requests that have a length, or no body, until the other side has enough."""

    def __init__(self, socket, exchanged):
        self.socket, self.exchanged, self.held = socket, exchanged, b""
        self.buffer = memoryview(bytearray(1 << 20))

    def serve(self):
        with self.socket:
            while (head := self.head()) is not None:
                length = self.swallow(head)
                if head.startswith(b"POST /slow "):
                    time.sleep(EXCHANGE_SECONDS)
                    self.answer(self.exchanged)
                else:
                    self.answer(b'{"Got": %d}' % length)

    def head(self):
        while b"\r\n\r\n" not in self.held:
            got = self.socket.recv(65536)
            if not got:
                return None
            self.held += got
        head, _, self.held = self.held.partition(b"\r\n\r\n")
        return head

    def swallow(self, head):
        names = (line.partition(b":") for line in head.lower().split(b"\r\n"))
        length = next((int(value) for name, _, value in names if name == b"content-length"), 0)
        left = length - len(self.held)
        self.held = self.held[length:]
        while left > 0:
            got = self.socket.recv_into(self.buffer, min(left, len(self.buffer)))
            if not got:
                break
            left -= got
        return length

    def answer(self, body):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.socket.sendall(head % len(body) + body)


def main():
    exchanged = Path(sys.argv[2]).read_bytes()
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as server:
        while True:
            connection = Connection(server.accept()[0], exchanged)
            threading.Thread(target=connection.serve, daemon=True).start()


if __name__ == "__main__":
    main()
