"""All that a section needs: keys, the upstream, the peers it may start."""

from . import peers
from .sink import Sink
from .tokens import Issuer
from .upstream import Upstream


class World:
    def __init__(self, stage, options, report):
        self.stage, self.options, self.report = stage, options, report
        self.issuer = Issuer(stage)
        self.sink = Sink(stage)
        self.upstream = Upstream(stage, self.sink.port)

    def peers(self, *names):
        """The peers of these names that the caller wants, configured and not started."""
        chosen = self.options.peers
        wanted = [name for name in names if not chosen or name in chosen]
        return [self.peer(name) for name in wanted]

    def peer(self, name):
        return peers.ALL[name](self.stage, self, peers.binary_of(name, self.options))

    def tokens(self, name, tokens):
        """A file with these tokens, one a line."""
        return self.stage.file(name, "".join(f"{token}\n" for token in tokens))
