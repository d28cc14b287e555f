"""What a request costs must not depend on how much there is: rules, tokens, identities, connections.

Of the connections, nginx is loaded with as many, for they cost the system something as well.
"""

from ..load import interleaved, load, see_each, warm_up
from ..report import cpu_table, ratio

BOUND = 1.15


class Variant:
    """A peer with its own name and load."""

    def __init__(self, name, peer, tokens, connections=16):
        self.name, self.peer, self.tokens, self.connections = name, peer, tokens, connections

    def load(self, seconds):
        return load(self.peer, self.tokens, seconds, connections=self.connections)


def broker(world, name, rules=1):
    peer = world.peer("octobroker")
    peer.name, peer.rules = f"octobroker-{name}", rules
    return peer.start()


def run(world):
    options, report, mint = world.options, world.report, world.issuer.mint
    many, identities = (20_000, 2_000) if options.quick else (100_000, 10_000)
    key = world.issuer.ed25519
    one = world.tokens("one.tokens", [mint()])
    cached = world.tokens("cached.tokens", (mint(key=key) for _ in range(many)))
    jobs = (mint(f"repo:acme/web-{number}:ref", key) for number in range(identities))
    identities_known = world.tokens("identities.tokens", jobs)
    variants = [
        Variant("plain", broker(world, "plain"), one),
        Variant("1,000 rules", broker(world, "rules", rules=1000), one),
        Variant(f"{many} tokens", broker(world, "tokens"), cached),
        Variant(f"{identities} identities", broker(world, "identities"), identities_known),
        Variant("1,000 connections", broker(world, "connections"), one, connections=1000),
    ]
    beside = []
    for nginx in world.peers("nginx"):
        nginx.start()
        beside.append(Variant("nginx", nginx, one))
        beside.append(Variant("nginx, 1,000 connections", nginx, one, connections=1000))
    for variant in variants + beside:
        warm_up(variant.peer, variant.tokens, connections=variant.connections)
    see_each(variants[2].peer, cached, many)
    see_each(variants[3].peer, variants[3].tokens, identities)
    outcomes = interleaved(
        variants + beside, options.rounds, lambda variant: variant.load(options.seconds)
    )
    cpu_table(report, "Flat: octobroker with much of one thing", outcomes, "plain")
    for variant in variants[1:]:
        report.target(f"flat: {variant.name}", ratio(outcomes, variant.name, "plain"), BOUND)
