"""Resident memory: after the start, after one request, with 1,000 connections that are kept alive, and at
its highest with 1,000 that send one request after the other."""

from ..account import memory
from ..load import held, load

PEERS = ("nginx", "haproxy", "envoy-cached", "octobroker")


def run(world):
    report = world.report
    token = world.issuer.mint()
    tokens = world.tokens("one.tokens", [token])
    columns = ("peer", "at rest MiB", "1 connection", "1,000 kept alive", "1,000 busy")
    report.table("Resident memory, MiB", columns)
    sizes = {}
    for peer in world.peers(*PEERS):
        peer.start()
        load(peer, tokens, 1, connections=1)
        one = memory(peer.pid)[0]
        peer.fresh()
        rest = memory(peer.pid)[0]
        with held(peer, token, 1000):
            kept = memory(peer.pid)[0]
        load(peer, tokens, 8, connections=1000)
        busy = memory(peer.pid)[1]
        sizes[peer.name] = rest, kept
        report.row(peer.name, *(f"{size:.1f}" for size in (rest, one, kept, busy)))
        peer.end()
    if "octobroker" in sizes:
        rest, kept = sizes["octobroker"]
        report.target("memory at rest", rest, 10, " MiB")
        report.target("memory with 1,000 connections kept alive", kept, 32, " MiB")
