"""Resident memory: after the start, after one request, and at its highest with 1,000 connections."""

from ..account import memory
from ..load import load

PEERS = ("nginx", "haproxy", "envoy-cached", "octobroker")


def run(world):
    report = world.report
    tokens = world.tokens("one.tokens", [world.issuer.mint()])
    columns = ("peer", "at rest MiB", "1 connection", "1,000 busy connections")
    report.table("Resident memory, MiB", columns)
    sizes = {}
    for peer in world.peers(*PEERS):
        peer.start()
        load(peer, tokens, 1, connections=1)
        one = memory(peer.pid)[0]
        peer.fresh()
        rest = memory(peer.pid)[0]
        load(peer, tokens, 8, connections=1000)
        sizes[peer.name] = rest, memory(peer.pid)[1]
        report.row(peer.name, f"{rest:.1f}", f"{one:.1f}", f"{sizes[peer.name][1]:.1f}")
        peer.end()
    if "octobroker" in sizes:
        rest, busy = sizes["octobroker"]
        report.target("memory at rest", rest, 10, " MiB")
        report.target("memory with 1,000 connections", busy, 32, " MiB")
