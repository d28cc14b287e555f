"""What a request costs must not depend on how much there is: rules, tokens, identities, connections."""

from ..load import interleaved, load, see_each, warm_up
from ..report import cpu_table, ratio

BOUND = 1.15


class Variant:
    """An octobroker with its own name and load."""

    def __init__(self, world, name, tokens, rules=1, connections=16):
        self.peer = world.peer("octobroker")
        self.peer.name, self.peer.rules = f"octobroker-{name}", rules
        self.name, self.tokens, self.connections = name, tokens, connections

    def load(self, seconds):
        return load(self.peer, self.tokens, seconds, connections=self.connections)


def run(world):
    options, report, mint = world.options, world.report, world.issuer.mint
    many, identities = (20_000, 2_000) if options.quick else (100_000, 10_000)
    key = world.issuer.ed25519
    one = world.tokens("one.tokens", [mint()])
    cached = world.tokens("cached.tokens", (mint(key=key) for _ in range(many)))
    jobs = (mint(f"repo:acme/web-{number}:ref", key) for number in range(identities))
    variants = [
        Variant(world, "plain", one),
        Variant(world, "1,000 rules", one, rules=1000),
        Variant(world, f"{many} tokens", cached),
        Variant(world, f"{identities} identities", world.tokens("identities.tokens", jobs)),
        Variant(world, "1,000 connections", one, connections=1000),
    ]
    for variant in variants:
        variant.peer.start()
        warm_up(variant.peer, variant.tokens, connections=variant.connections)
    see_each(variants[2].peer, cached, many)
    see_each(variants[3].peer, variants[3].tokens, identities)
    outcomes = interleaved(variants, options.rounds, lambda variant: variant.load(options.seconds))
    cpu_table(report, "Flat: octobroker with much of one thing", outcomes, "plain")
    for variant in variants[1:]:
        report.target(f"flat: {variant.name}", ratio(outcomes, variant.name, "plain"), BOUND)
