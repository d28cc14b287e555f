"""Latency at one rate for all: half of what the slowest of nginx and octobroker can do."""

from ..load import CONNECTIONS, interleaved, load, median
from ..report import cpu_table

PEERS = ("nginx", "haproxy", "envoy-cached", "octobroker")
PAUSE_MS = 10


def run(world):
    options, report = world.options, world.report
    tokens = world.tokens("one.tokens", [world.issuer.mint()])
    peers = [peer.start() for peer in world.peers(*PEERS)]
    full = {peer.name: load(peer, tokens, options.seconds).rate for peer in peers}
    rate = min(full[name] for name in full if name in ("nginx", "octobroker")) / 2
    # Each connection sends a request every 10 ms or so.
    connections = max(CONNECTIONS, round(rate * PAUSE_MS / 1000))
    pause = max(1, round(1000 * connections / rate))

    def once(peer):
        return load(peer, tokens, options.seconds, connections=connections, pause=pause)

    outcomes = interleaved(peers, options.rounds, once)
    title = f"Latency at half load: {rate:.0f} requests/s over {connections} connections"
    cpu_table(report, title, outcomes, "nginx")
    if {"nginx", "octobroker"} <= outcomes.keys():
        pairs = zip(outcomes["octobroker"], outcomes["nginx"], strict=True)
        more = median([ours.p99 - theirs.p99 for ours, theirs in pairs])
        report.target("p99 at half load, more than nginx", more, 0.2, " ms")
