"""Tokens that nobody has seen: the price of a verification with RSA, 2048 bits."""

from ..load import interleaved, load, warm_up
from ..report import cpu_table, ratio

PEERS = ("nginx", "haproxy", "envoy", "octobroker")


def run(world):
    options, report = world.options, world.report
    peers = [peer.start() for peer in world.peers(*PEERS)]
    warm = world.tokens("warm.tokens", [world.issuer.mint()])
    for peer in peers:
        warm_up(peer, warm)

    def once(peer):
        new = (world.issuer.mint() for _ in range(1000 * options.seconds))
        return load(peer, world.tokens("new.tokens", new), 60, once=1)

    outcomes = interleaved(peers, options.rounds, once)
    cpu_table(report, "Never seen: each request with a new token, RS256", outcomes, "haproxy")
    for other, bound in (("haproxy", 0.7), ("envoy", 0.5)):
        report.target(f"never seen, CPU beside {other}", ratio(outcomes, "octobroker", other), bound)
