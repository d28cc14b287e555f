"""A new connection for each request, one token, known already."""

from ..load import interleaved, load, warm_up
from ..report import cpu_table, ratio

PEERS = ("nginx", "haproxy", "envoy-cached", "octobroker")


def run(world):
    options, report = world.options, world.report
    tokens = world.tokens("one.tokens", [world.issuer.mint()])
    peers = [peer.start() for peer in world.peers(*PEERS)]
    for peer in peers:
        warm_up(peer, tokens)
    outcomes = interleaved(
        peers, options.rounds, lambda peer: load(peer, tokens, options.seconds, close=1)
    )
    cpu_table(report, "A new connection for each request", outcomes, "nginx")
    report.target("new connections, CPU beside nginx", ratio(outcomes, "octobroker", "nginx"), 1.1)
