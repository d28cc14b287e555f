"""One upload of 1 GiB: CPU, rate, and what it needs of memory."""

import os
import socket
import time

from ..account import Spent, forget_highest, memory
from ..load import interleaved, median
from ..processes import OTHER_CPU, Failure

PEERS = ("nginx", "haproxy", "envoy-cached", "octobroker")
PIECE = bytes(1 << 20)


class Upload:
    def __init__(self, cpu_ns, seconds, size, growth):
        self.cpu_s, self.rate = cpu_ns / 1e9, size / seconds / (1 << 20)
        self.cpu_us, self.growth = cpu_ns / 1e3, growth


def upload(peer, token, mebibytes):
    size = mebibytes << 20
    head = (
        f"POST /api/packages/raw HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {size}\r\n\r\n"
    )
    before, _ = memory(peer.pid)
    forget_highest(peer.pid)
    start = time.monotonic()
    with Spent(peer.pid) as spent, socket.create_connection(("127.0.0.1", peer.port), 60) as one:
        one.sendall(head.encode())
        for _ in range(mebibytes):
            one.sendall(PIECE)
        answer = one.recv(65536)
    seconds = time.monotonic() - start
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Failure(f"{peer.name}: the upload was answered with {answer[:200]}")
    return Upload(spent.ns, seconds, size, memory(peer.pid)[1] - before)


def run(world):
    options, report = world.options, world.report
    mebibytes = 128 if options.quick else 1024
    token = world.issuer.mint()
    peers = [peer.start() for peer in world.peers(*PEERS)]
    os.sched_setaffinity(0, OTHER_CPU)
    for peer in peers:
        upload(peer, token, 16)
    outcomes = interleaved(peers, min(options.rounds, 3), lambda peer: upload(peer, token, mebibytes))
    report.table(
        f"An upload of {mebibytes} MiB", ("peer", "CPU s", "MiB/s", "memory grown by MiB")
    )
    middle = {}
    for name, runs in outcomes.items():
        middle[name] = [median([getattr(each, what) for each in runs]) for what in ("cpu_s", "rate")]
        growth = max(each.growth for each in runs)
        report.row(name, f"{middle[name][0]:.2f}", f"{middle[name][1]:.0f}", f"{growth:.1f}")
    if "octobroker" not in middle:
        return
    cpu, rate = middle["octobroker"]
    if "envoy-cached" in middle:
        report.target("upload, CPU beside Envoy", cpu / middle["envoy-cached"][0], 1.0)
    if "nginx" in middle:
        report.target_at_least("upload, rate beside nginx", rate / middle["nginx"][1], 0.9)
    growth = max(each.growth for each in outcomes["octobroker"])
    report.target("upload, memory grown by", growth, 4, " MiB")
