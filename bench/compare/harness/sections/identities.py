"""10,000 live tokens, each of another identity with an access token of its own."""

from ..account import memory
from ..load import interleaved, load, see_each
from ..report import cpu_table, ratio

PEERS = ("nginx", "octobroker")


def run(world):
    options, report, mint = world.options, world.report, world.issuer.mint
    count = 2_000 if options.quick else 10_000
    jobs = (mint(f"repo:acme/web-{number}:ref", world.issuer.ed25519) for number in range(count))
    tokens = world.tokens("identities.tokens", jobs)
    peers = [peer.start() for peer in world.peers(*PEERS)]
    sizes = {peer.name: memory(peer.pid)[0] for peer in peers}
    for peer in peers:
        see_each(peer, tokens, count)
    outcomes = interleaved(peers, options.rounds, lambda peer: load(peer, tokens, options.seconds))
    cpu_table(report, f"{count} identities, each with its token", outcomes, "nginx")
    report.target(f"{count} identities, CPU beside nginx", ratio(outcomes, "octobroker", "nginx"), 1.1)
    report.table(f"Memory with {count} identities", ("peer", "at rest MiB", "then MiB"))
    for peer in peers:
        now = memory(peer.pid)[0]
        report.row(peer.name, f"{sizes[peer.name]:.1f}", f"{now:.1f}")
        if peer.name == "octobroker":
            report.target(f"{count} identities, memory", now, 40, " MiB")
            report.target("exchanges for each identity", world.upstream.exchanges() / count, 1.0)
