"""First requests of one identity, all at once, while the exchange takes its time."""

import asyncio
import resource

from ..processes import Failure

WANTED = 10_000
TOKEN_PATH = "/slow-token"


async def ask(peer, request, ready, go):
    reader, writer = await asyncio.open_connection("127.0.0.1", peer.port)
    ready.release()
    await go.wait()
    writer.write(request)
    await writer.drain()
    answer = await reader.readline()
    writer.close()
    return answer.split(b" ")[1:2] == [b"200"]


async def herd(peer, request, count):
    ready, go = asyncio.Semaphore(0), asyncio.Event()
    asked = [asyncio.create_task(ask(peer, request, ready, go)) for _ in range(count)]
    for _ in range(count):
        await ready.acquire()
    go.set()
    return sum(await asyncio.gather(*asked))


def run(world):
    report = world.report
    peers = world.peers("octobroker")
    if not peers:
        return
    # Each request has a connection in and one out.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(1_000 if world.options.quick else WANTED, (hard - 2000) // 2)
    peer = peers[0]
    peer.endpoint = world.upstream.url + TOKEN_PATH
    peer.limits = f"{{ connections: {count + 10}, concurrent_requests: {count + 10} }}"
    peer.start()
    request = (
        f"GET {peer.path} HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\n"
        f"Authorization: Bearer {world.issuer.mint()}\r\n\r\n"
    ).encode()
    try:
        served = asyncio.run(asyncio.wait_for(herd(peer, request, count), 180))
    except (OSError, TimeoutError) as error:
        raise Failure(f"the herd got no answers: {error!r}") from error
    report.table("First requests of one identity at once", ("requests", "served", "exchanges"))
    report.row(str(count), str(served), str(world.upstream.exchanges()))
    report.target(f"exchanges for {count} first requests", world.upstream.exchanges(), 1)
    report.target_at_least("… of which served", served, count)
