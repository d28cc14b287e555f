"""Tokens that are ours but for the signature: the price of a refusal."""

from ..load import interleaved, load
from ..report import cpu_table, ratio

PEERS = ("haproxy", "envoy", "octobroker")


def run(world):
    options, report = world.options, world.report
    peers = [peer.start() for peer in world.peers(*PEERS)]

    def once(peer):
        new = (world.issuer.forge() for _ in range(1000 * options.seconds))
        tokens = world.tokens("forged.tokens", new)
        return load(peer, tokens, 60, refused=True, once=1)

    outcomes = interleaved(peers, options.rounds, once)
    cpu_table(report, "Forged: each request with another wrong signature, RS256", outcomes, "haproxy")
    report.target("forged, CPU beside HAProxy", ratio(outcomes, "octobroker", "haproxy"), 0.6)
