"""From the start of the process to the first request served, an exchange with Octopus included."""

import os
import socket
import time

from ..load import median
from ..processes import OTHER_CPU, Failure

PEERS = ("nginx", "haproxy", "envoy-cached", "octobroker")
PATIENCE = 20


def first_answer_ms(peer, token):
    request = (
        f"GET {peer.path} HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\n"
        f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    ).encode()
    begin = time.monotonic()
    peer.start(wait=False, with_parent=False)
    while time.monotonic() < begin + PATIENCE:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", peer.port)) == 0:
                one.settimeout(PATIENCE)
                one.sendall(request)
                if one.recv(4096).startswith(b"HTTP/1.1 200"):
                    return 1000 * (time.monotonic() - begin)
        time.sleep(0.000_2)
    raise Failure(f"{peer.name} served nothing within {PATIENCE} s")


def run(world):
    options, report, token = world.options, world.report, world.issuer.mint()
    os.sched_setaffinity(0, OTHER_CPU)
    peers = world.peers(*PEERS)
    times = {peer.name: [] for peer in peers}
    for number in range(1 + 2 * options.rounds):
        for peer in peers:
            taken = first_answer_ms(peer, token)
            peer.end()
            if number > 0:  # the first has the program still to be read from the disk
                times[peer.name].append(taken)
    report.table("Start of the process to the first answer, ms", ("peer", "median", "worst"))
    for name, taken in times.items():
        report.row(name, f"{median(taken):.1f}", f"{max(taken):.1f}")
    if "octobroker" in times:
        ours = median(times["octobroker"])
        report.target("first request served", ours, 30, " ms")
        if "nginx" in times:
            report.target("… more than nginx", ours - median(times["nginx"]), 15, " ms")
