"""Remote clients of jeffbot by the thousand, in a process of their own: what is asked of them, and how it went.

Times are seconds of ``time.monotonic()``, which all processes of a machine share; spreads are as of ``report.spread``.
"""

import asyncio
import gc
import os
import platform
import random
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec
import report
from clients import Client, message
from wishes import held, raise_file_limit, serve, tell

from jeffbot.ws.auth import Tokens
from jeffbot.ws.scopes import Scope

SECRET_VARIABLE = "BENCH_SECRET"
CONNECT_AT_ONCE = 32
FIRST_STRANGER = 10**6
"""The ids of users whom the bot has never seen begin here."""
PAGE = 25
"""Sounds in a page of the list."""
RECEIVE_BYTES = 4096
"""The receive buffer of a client that does not read."""
NEGLECTED = 32
"""Long replies that are not read: more than the kernel's buffers hold."""
REST = (0.05, 0.5)
"""How long a client in the soak does nothing, seconds, by chance."""

groups: dict[str, list[Client]] = {}
tokens = Tokens(os.environ[SECRET_VARIABLE], hours=24)
ports = [0]


class Told(msgspec.Struct):
    """What is read of an event."""

    event: str
    timestamp: float
    data: msgspec.Raw


class Begun(msgspec.Struct):
    """What is read of an event's data, and of the reply to a press."""

    playback_id: str = ""


async def connect(
    group: str, users: list[int] | int, port: int, topics: Sequence[str] = (), *, admin: bool = False
) -> dict[str, Any]:
    """Have a group of clients signed in, as these users or as so many strangers, and subscribed; seconds that took."""
    begun = time.monotonic()
    ports[0] = port
    waiting = iter(range(FIRST_STRANGER, FIRST_STRANGER + users) if isinstance(users, int) else users)
    connected = groups[group] = []
    scopes = set(Scope) if admin else {Scope.READ, Scope.PLAY}

    async def connect_some(users: Iterator[int]) -> None:
        for user in users:
            client = await Client.connect(port, tokens.make(user, scopes=scopes))
            connected.append(client)
            if topics:
                await client.ask(message("subscribe", topics=topics))

    await asyncio.gather(*(connect_some(waiting) for _ in range(CONNECT_AT_ONCE)))
    gc.collect()
    gc.freeze()  # what is measured here should not wait for looking through them
    return {"seconds": time.monotonic() - begun}


async def disconnect(group: str) -> None:
    """Have a group leave."""
    leaving = groups.pop(group)
    for client in leaving:
        client.leave()
    await asyncio.gather(*(client.closed for client in leaving))


async def ask(group: str, seconds: float) -> dict[str, Any]:
    """Have each client ask again as soon as it was answered: its status, a ping, a page of the list."""
    requests = message("status"), message("ping"), message("list", limit=PAGE)
    waits: list[float] = []
    begun = time.monotonic()

    async def ask_on(client: Client, number: int) -> None:
        while (asked := time.monotonic()) < begun + seconds:
            await client.ask(requests[number % len(requests)])
            waits.append(time.monotonic() - asked)
            number += 1

    await asyncio.gather(*(ask_on(client, number) for number, client in enumerate(groups[group])))
    return {"rate": len(waits) / (time.monotonic() - begun), **report.spread(waits)}


async def press(seconds: float, rate: float, names: list[str]) -> dict[str, Any]:
    """Have the group ``pressers`` press at fixed times, answered or not, while the group ``subscribers`` listens."""
    heard: list[tuple[bytes, float]] = []
    for client in groups.get("subscribers", []):
        client.hear = lambda event: heard.append((event, time.monotonic()))
    presses: dict[str, float] = {}
    replies: list[float] = []
    refused = []

    async def press_one(client: Client, name: str) -> None:
        sent = time.monotonic()
        reply = await client.ask(message("play", filename=name, mode="replace"))
        if b'"action":"playing"' in reply:
            replies.append(time.monotonic() - sent)
            presses[msgspec.json.decode(reply, type=Begun).playback_id] = sent
        else:
            refused.append(reply.decode())

    pressers = groups["pressers"]
    await at_rate(rate, seconds, lambda n: press_one(pressers[n % len(pressers)], names[n % len(names)]))
    await asyncio.sleep(0.2)  # the last events
    for client in groups.get("subscribers", []):
        client.hear = len
    events = []
    for event, at in heard:
        told = msgspec.json.decode(event, type=Told)
        begun = presses.get(msgspec.json.decode(told.data, type=Begun).playback_id)
        if begun is not None and told.event == "playback.started":
            events.append(at - begun)
    return {
        "presses": len(replies) + len(refused),
        "refused": len(refused),
        "refusal": refused[0] if refused else "",
        "replies": report.spread(replies or [0.0]),
        "heard": len(events),
        "events": report.spread(events or [0.0]),
    }


async def hear(group: str, seconds: float) -> dict[str, Any]:
    """What a group hears: how long after it was told, by the event's own time (of the same clock)."""
    late: list[float] = []

    def note(event: bytes) -> None:
        late.append(time.time() - msgspec.json.decode(event, type=Told).timestamp)

    for client in groups[group]:
        client.hear = note
    await asyncio.sleep(seconds)
    for client in groups[group]:
        client.hear = len
    return {"rate": len(late) / seconds, **report.spread(late or [0.0])}


async def authenticate(rate: float, seconds: float, group: str = "") -> dict[str, Any]:
    """Sign in at fixed times: over a fresh connection each, from connecting on, or over those of a group in turn."""
    clients = groups.get(group, [])
    shown = [tokens.make(FIRST_STRANGER + n) for n in range(len(clients) or 200)]
    waits: list[float] = []

    async def sign_in(number: int) -> None:
        token, begun = shown[number % len(shown)], time.monotonic()
        if clients:
            await clients[number % len(clients)].authenticate(token)
        else:
            client = await Client.connect(ports[0], token)
        waits.append(time.monotonic() - begun)
        if not clients:
            client.leave()

    begun = time.monotonic()
    await at_rate(rate, seconds, sign_in)
    return {"rate": len(waits) / max(seconds, time.monotonic() - begun), **report.spread(waits)}


async def neglect(user: int, what: str) -> dict[str, float]:
    """Have another client read no more, be it ``events`` or the long ``replies`` that it asks for; since when."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    small.setblocking(False)  # noqa: FBT003 - the standard library
    await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", ports[0]))
    client = await Client.connect(ports[0], tokens.make(user, scopes=set(Scope)), sock=small)
    if what == "events":
        await client.ask(message("subscribe", topics=["*"]))
    client.transport.pause_reading()
    groups.setdefault("dead", []).append(client)
    if what == "replies":
        client.transport.write(NEGLECTED * message("list"))
    return {"since": time.monotonic()}


async def bury() -> None:
    """Forget those that do not read."""
    for client in groups.pop("dead", []):
        client.leave(politely=False)


async def wait_closed(group: str) -> dict[str, Any]:
    """Wait until the server has closed all of a group: when the last close frame came, and the codes that came."""
    closed = await asyncio.gather(*(client.closed for client in groups.pop(group)))
    codes = [code for code, _ in closed]
    return {"last": max(at for _, at in closed), "codes": {str(code): codes.count(code) for code in set(codes)}}


async def soak(users: list[int], port: int, seconds: float, names: list[str]) -> None:
    """Begin to have all of these connect, press, subscribe, ask and leave, again and again."""
    ports[0] = port
    asyncio.get_running_loop().create_task(_soak(users, seconds, names)).add_done_callback(_told)


def _told(task: "asyncio.Task[dict[str, int]]") -> None:
    tell("soaked", **task.result())


async def _soak(users: list[int], seconds: float, names: list[str]) -> dict[str, int]:
    chance, until = random.Random(3), time.monotonic() + seconds
    shown = [tokens.make(user) for user in users]
    counts = {"connections": 0, "requests": 0, "events": 0, "errors": 0, "lost": 0}

    def count(_event: bytes) -> None:
        counts["events"] += 1

    async def visit(token: str) -> None:
        client = await Client.connect(ports[0], token)
        client.hear = count
        counts["connections"] += 1
        wishes = [
            message("subscribe", topics=["*"]),
            *(message("play", filename=chance.choice(names)) for _ in range(chance.randrange(4))),
            *chance.sample([message("status"), message("ping"), message("list", limit=PAGE), message("stop")], 2),
            *chance.sample([message("unsubscribe", topics=["*"]), message("player"), message("guilds")], 1),
        ]
        chance.shuffle(wishes)
        for wish in wishes:
            await asyncio.sleep(chance.uniform(*REST))
            counts["requests"] += 1
            counts["errors"] += b'"action":"error"' in await client.ask(wish)
        client.leave(politely=chance.random() < 0.8)

    async def come_and_go(token: str) -> None:
        await asyncio.sleep(chance.uniform(0, 1))
        while time.monotonic() < until:
            try:
                await visit(token)
            except ConnectionError:
                counts["lost"] += 1

    await asyncio.gather(*map(come_and_go, shown))
    return counts


async def at_rate(rate: float, seconds: float, do: Callable[[int], Awaitable[None]]) -> None:
    """Begin something at fixed times, whatever became of what was begun before; and wait for all of it."""
    under_way, begun = set(), time.monotonic()
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        under_way.add(asyncio.ensure_future(do(number)))
    await asyncio.gather(*under_way)


async def main() -> None:
    """Take wishes."""
    wishes = (connect, disconnect, ask, press, hear, authenticate, neglect, bury, wait_closed, soak, held)
    tell("ready", versions=f"Python {platform.python_version()}", files=raise_file_limit())
    await serve({wish.__name__: wish for wish in wishes})


if __name__ == "__main__":
    asyncio.run(main())
