"""What swallows uploads behind the upstream. As a program: `python3 sink.py PORT`."""

import socket
import sys
import threading
from pathlib import Path


class Sink:
    def __init__(self, stage):
        from .processes import OTHER_CPU, free_port

        self.port = free_port()
        process = stage.start("sink", [sys.executable, Path(__file__), self.port], OTHER_CPU)
        stage.wait_for_port(process, self.port)


def swallow(connection):
    """Reads requests with a length, and says after each how much it got."""
    buffer, view = bytearray(1 << 20), None
    view = memoryview(buffer)
    with connection:
        held = b""
        while True:
            while b"\r\n\r\n" not in held:
                got = connection.recv(65536)
                if not got:
                    return
                held += got
            head, _, rest = held.partition(b"\r\n\r\n")
            lines = [line.lower() for line in head.split(b"\r\n")]
            lengths = [line for line in lines if line.startswith(b"content-length:")]
            length = int(lengths[0].split(b":")[1]) if lengths else 0
            left = length - len(rest)
            while left > 0:
                got = connection.recv_into(view, min(left, len(buffer)))
                if not got:
                    return
                left -= got
            held = rest[length:]
            body = b'{"Got": %d}' % length
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=swallow, args=[connection], daemon=True).start()


if __name__ == "__main__":
    main()
