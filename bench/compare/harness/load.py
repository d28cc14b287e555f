"""Load by wrk, on the CPU that the proxy does not have."""

import contextlib
import json
import os
import socket
import statistics
from pathlib import Path

from .account import Spent
from .processes import OTHER_CPU, Failure, program, run

SCRIPT = Path(__file__).parent.parent / "wrk" / "requests.lua"
CONNECTIONS = 16
WARM_UP_SECONDS = 4
SEE_SECONDS = 180


class Outcome:
    """One run: requests, CPU of the proxy for each in µs, requests a second, latencies in ms."""

    def __init__(self, said, cpu_ns):
        self.requests = said["requests"]
        self.cpu_us = cpu_ns / 1000 / self.requests
        self.rate = self.requests * 1e6 / said["us"]
        self.p50, self.p99 = said["p50"] / 1000, said["p99"] / 1000


def load(peer, tokens, seconds, refused=False, connections=CONNECTIONS, **settings):
    """Loads a peer with the tokens of a file. All requests must be served, or all be refused."""
    environment = {key.upper(): str(value) for key, value in settings.items()}
    argv = [program("wrk") or missing(), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s",
            "--latency", "-s", SCRIPT, peer.url + peer.path]  # fmt: skip
    environment = {**os.environ, "TOKENS": str(tokens), **environment}
    with Spent(peer.pid) as spent:
        said = run(argv, int(seconds) + 30, environment, OTHER_CPU)
    said = json.loads(said.strip().splitlines()[-1])
    if said["requests"] == 0 or said["broken"] > 0:
        raise Failure(f"{peer.name}: broken connections: {said}")
    if said["refused"] != (said["requests"] if refused else 0):
        raise Failure(f"{peer.name}: not all requests were {'refused' if refused else 'served'}: {said}")
    return Outcome(said, spent.ns)


def warm_up(peer, tokens, **settings):
    """Has a peer open its connections to the upstream, and know the first tokens."""
    load(peer, tokens, WARM_UP_SECONDS, **settings)


def see_each(peer, tokens, count):
    """Sends each token of a file once, so that the peer knows all of them."""
    outcome = load(peer, tokens, SEE_SECONDS, once=1)
    if outcome.requests < 0.99 * count:
        raise Failure(f"{peer.name} took only {outcome.requests} of {count} tokens in {SEE_SECONDS} s")


@contextlib.contextmanager
def held(peer, token, count):
    """So many connections that have each served a request, and are kept open."""
    head = f"GET {peer.path} HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", peer.port), timeout=20))
            one.sendall(head.encode())
            answer = one.recv(65536)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise Failure(f"{peer.name}: a request was not served: {answer[:200]}")
        yield


def interleaved(peers, rounds, once):
    """Calls `once(peer)` for each peer in turn, so many times, and gives each peer's outcomes. The
    order turns round, so that no peer always comes first."""
    outcomes = {peer.name: [] for peer in peers}
    for number in range(rounds):
        for peer in peers if number % 2 == 0 else reversed(peers):
            outcomes[peer.name].append(once(peer))
    return outcomes


def median(values):
    return statistics.median(values)


def spread(values):
    """Half the range, in per cent of the median."""
    middle = median(values)
    return 50 * (max(values) - min(values)) / middle if middle else 0.0


def missing():
    raise Failure("wrk is missing: apt-get install wrk")
