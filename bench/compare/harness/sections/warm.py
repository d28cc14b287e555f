"""One token, known already: what most requests of a job are."""

from ..load import interleaved, load, warm_up
from ..report import cpu_table, ratio

PEERS = ("nginx", "nginx-silent", "envoy-cached", "envoy", "haproxy", "octobroker")


def run(world):
    tokens = world.tokens("one.tokens", [world.issuer.mint()])
    peers = [peer.start() for peer in world.peers(*PEERS)]
    for peer in peers:
        warm_up(peer, tokens)
    options, report = world.options, world.report
    outcomes = interleaved(peers, options.rounds, lambda peer: load(peer, tokens, options.seconds))
    cpu_table(report, "Warm: one token again and again", outcomes, "nginx")
    report.target("warm, CPU beside nginx", ratio(outcomes, "octobroker", "nginx"), 1.0)
    report.target(
        "warm, CPU beside Envoy with its cache", ratio(outcomes, "octobroker", "envoy-cached"), 0.5
    )
