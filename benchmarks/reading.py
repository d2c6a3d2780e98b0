"""`inbox`: pages of a hundred, each decided again and disclosed by its own leaf before it leaves."""

import asyncio
import json
import time
from typing import Any

from benchmarks import network
from benchmarks.network import Member, Network
from benchmarks.posting import Load, fetch_token
from benchmarks.wire import Answered, Connection, percentile, request

READERS = 16


async def inbox(net: Network, port: int, *, fill: int, seconds: float = 8) -> dict[str, Any]:
    """Readers that page through what they got, from the beginning again when they reach the end."""
    load = Load(net, port, seed=2)
    await load.open()
    await load.post(load.signed(fill))
    load.close()
    readers = net.members[:READERS]
    connections = [await Connection.open("127.0.0.1", port) for _ in readers]
    for member, connection in zip(readers, connections, strict=True):
        await fetch_token(net, member, connection)
    until = time.perf_counter() + seconds
    began = time.perf_counter()
    pages = await asyncio.gather(*(_read(net, m, c, until) for m, c in zip(readers, connections, strict=True)))
    took = time.perf_counter() - began
    for connection in connections:
        connection.close()
    answers = [answer for mine in pages for answer, _ in mine]
    delivered = sum(count for mine in pages for _, count in mine)
    return {
        "clients": READERS,
        "held": fill,
        "rate": round(delivered / took, 1),
        "pages": round(len(answers) / took, 1),
        "p50_ms": round(percentile([a.seconds * 1000 for a in answers], 0.5), 1),
        "p99_ms": round(percentile([a.seconds * 1000 for a in answers], 0.99), 1),
    }


async def _read(net: Network, member: Member, connection: Connection, until: float) -> list[tuple[Answered, int]]:
    """-> answers with the number of messages in each; only full pages count, so that none is cheaper than it looks. The
    page at the end is asked for once: after that it is known how many full ones there are.
    """
    read: list[tuple[Answered, int]] = []
    cursor, full, behind = "", 0, 0
    while time.perf_counter() < until:
        headers = {
            "Authorization": f"DPoP {member.token.decode()}",
            "DPoP": network.proof(member, "GET", net.url + "/v1/inbox"),
        }
        path = f"/v1/inbox?limit=100{cursor and '&cursor=' + cursor}"
        answered = await connection.send(request("GET", path, headers=headers))
        if answered.status != 200:
            raise RuntimeError(answered.body.decode()[:500])
        # Only the ends of the page are looked at: parsing it whole would measure this process.
        items = answered.body.count(b'"jws":')
        cursor = json.loads(b"{" + answered.body[answered.body.rindex(b'"cursor":') :])["cursor"]
        if items == 100:
            read.append((answered, items))
            behind += 1
        if items < 100 or behind == full:
            cursor, full, behind = "", behind, 0
    return read
