"""Exchanges with the real bot: a sitting in which every action, every code and every kind of event comes up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jeffbot.models import Caller
from jeffbot.playback import Encoding
from jeffbot.ws import protocol
from jeffbot.ws.auth import Tokens
from jeffbot.ws.events import EVENTS
from jeffbot.ws.limits import LimitRules, Limits, Rate
from jeffbot.ws.scopes import Scope
from staging import PATIENCE, SECRET, Stage, Wire, token_for, write_tone

type Json = dict[str, Any]

PLAYABLE = 4
"""How many sounds of the library are some."""
UNDER_WAY = Encoding(3, 12)

WANTED: dict[str, Callable[[Json], bool]] = {
    "playback.ended": lambda data: data["reason"] == "finished",
    "queue.changed": lambda data: bool(data["queue"]),
    "voice.changed": lambda data: data["state"] == "ready" and data["encrypted"] and data["decryptable"],
    "library.changed": lambda data: bool(data["added"]),
    "library.encoding": lambda data: data["done"] == UNDER_WAY.done,
}
"""Which of several events of a kind shows best what it is."""


def prepare(sounds: Path) -> None:
    """The library of the sitting."""
    for name, hertz in {"airhorn.wav": 440, "rimshot.wav": 660}.items():
        write_tone(sounds / name, hertz)
    write_tone(sounds / "waves.wav", 220, 30)
    write_tone(sounds / "short" / "ping.wav", 880)
    (sounds / "broken").mkdir()
    (sounds / "broken" / "noise.mp3").write_bytes(b"not a sound" * 100)


@dataclass
class Sitting:
    """What is said in it, on which connections."""

    stage: Stage
    connect: Callable[..., Awaitable[Wire]]
    session: aiohttp.ClientSession
    patch: pytest.MonkeyPatch
    found: dict[str, Json] = field(default_factory=lambda: {"actions": {}, "errors": {}, "events": {}, "http": {}})

    async def hold(self) -> dict[str, Json]:
        """All of it."""
        service = self.stage.service
        await self._until(lambda: sum(service.duration(sound) is not None for sound in service.sounds()) == PLAYABLE)
        self.user = await self.connect(self.stage)
        self.found["welcome"] = self.user.welcome
        await self._sign_in()
        self.listener = await self.connect(self.stage)
        await self.listener.sign_in(self.stage.alice)
        topics = {"action": "subscribe", "topics": ["*", "progress"]}
        self.found["actions"]["subscribe"] = {"request": topics, "reply": await self.listener.ask(topics)}
        listening = asyncio.create_task(self._listen())
        self.manager = await self.connect(self.stage)
        await self.manager.ask({"action": "authenticate", "token": self._token({Scope.ADMIN})})
        await self._play()
        await self._look_after()
        await self._be_refused()
        await self._meet_faults()
        await self._use_http()
        await self._encode()
        await self._until(lambda: len(self.found["events"]) == len(EVENTS))
        await listening
        await self._act("unsubscribe", {"topics": ["progress"]}, on=self.listener)
        await self._leave()
        self.found["events"] = {name: self.found["events"][name] for name in EVENTS}
        return self.found

    # The ways to say something

    async def _act(self, name: str, fields: Json | None = None, *, on: Wire | None = None) -> Json:
        """An action that succeeds; ``name`` is its name, perhaps with a dot and what it shows."""
        request = {"action": name.partition(".")[0], **(fields or {})}
        wire = on or self.user
        reply = await wire.ask(request)
        while reply["action"] == "event":
            reply = await wire.receive()
        assert reply["action"] != "error", reply
        self.found["actions"][name] = {"request": request, "reply": reply}
        return reply

    async def _fail(self, code: str, request: object, *, on: Wire | None = None) -> Json:
        """A request that is refused with this code."""
        reply = await (on or self.user).ask(request)
        return self._refused(code, {"request": request}, reply)

    def _refused(self, code: str, request: Json, reply: Json) -> Json:
        assert reply.get("error_code") == code, reply
        self.found["errors"][code] = {**request, "reply": reply}
        return reply

    def _refused_http(self, code: str, request: str, status: int, reply: Json) -> None:
        self._refused(code, {"request": request, "status": status}, reply)

    async def _http(self, method: str, path: str, token: str, **body: Any) -> tuple[int, Json]:
        url = f"{(await self.stage.url()).replace('ws', 'http', 1)}/{path}"
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.request(method, url, headers=headers, **body) as response:
            return response.status, await response.json()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.01)

    def _token(self, scopes: set[Scope], auth_time: float | None = None) -> str:
        return Tokens(SECRET, hours=1).make(self.stage.alice.id, scopes=scopes, auth_time=auth_time)

    async def _listen(self) -> None:
        """Keep one event of each kind, until there is one of all."""
        while len(self.found["events"]) < len(EVENTS):
            event = await self.listener.receive()
            name = event["event"]
            if name not in self.found["events"] and (name not in WANTED or WANTED[name](event["data"])):
                self.found["events"][name] = event

    # What is said

    async def _sign_in(self) -> None:
        await self._act("ping")
        await self._fail("not_authenticated", {"action": "status"})
        await self._fail("auth_failed", {"action": "authenticate", "token": "nonsense"})
        tokens = (await self.stage.soundboard.wait_serving()).tokens
        with self.patch.context() as patch:
            patch.setattr(tokens, "check", _raise)
            await self._fail("auth_error", {"action": "authenticate", "token": token_for(self.stage.alice)})
        await self._act("authenticate", {"token": token_for(self.stage.alice)})

    async def _play(self) -> None:
        await self._act("play", {"filename": "airhorn", "id": 1})
        await self._until(lambda: "playback.ended" in self.found["events"])
        await self._act("play.loud", {"filename": "waves", "mode": "replace", "volume": 80})
        queued = await self._act("play.queued", {"filename": "rimshot", "mode": "queue"})
        await self._act("queue")
        await self._act("status")
        await self._until(lambda: "playback.progress" in self.found["events"])
        await self._act("player")
        await self._act("player.paused", {"paused": True})
        await self._act("player.on", {"paused": "toggle", "volume": 90})
        await self._act("diagnose")
        await self._act("queue.remove", {"remove": [queued["playback_id"]]})
        await self._act("skip")
        await self._act("random", {"tag": "short"})
        await self._act("stop")

    async def _look_after(self) -> None:
        await self._act("list")
        await self._act("list.page", {"limit": 2})
        await self._act("search", {"query": "rim", "limit": 5})
        await self._act("favourites.add", {"add": ["airhorn.wav"]})
        await self._act("favourites")
        await self._act("guilds")
        await self._act("recent", {"limit": 3})
        await self._act("stats", {"top": 3})
        await self._act("entrance", {"entrance": "airhorn.wav"})
        await self._act("settings")
        await self._act("settings.change", {"mode": "overlap", "volume": 80}, on=self.manager)
        await self._act("describe")
        renewable = await self.connect(self.stage)
        await renewable.ask({"action": "authenticate", "token": self._token({Scope.PLAY}, time.time())})
        await self._act("refresh", on=renewable)
        await self._upload()
        await self._act("edit", {"filename": "horn.wav", "title": "Horn", "tags": ["loud"]}, on=self.manager)
        await self._act("delete", {"filename": "horn.wav"}, on=self.manager)

    async def _upload(self) -> None:
        body = write_tone(Path("horn.wav"), 990).read_bytes()
        announced = {"filename": "horn.wav", "size": len(body), "title": "Big horn"}
        ticket = await self._act("upload", announced, on=self.manager)
        async with self.session.put(ticket["url"], data=body) as response:
            reply = await response.json()
            assert response.status == 201
        self.found["http"]["upload"] = {"request": f"PUT {ticket['url']}", "status": 201, "reply": reply}
        again = await self.manager.ask({"action": "upload", **announced, "filename": "tuba.wav", "title": "Tuba"})
        async with self.session.put(again["url"], data=body) as response:
            self._refused_http("already_exists", f"PUT {again['url']}", response.status, await response.json())

    async def _be_refused(self) -> None:
        await self._fail("invalid_json", '{"action": "pl')
        await self._fail("invalid_format", ["play", "airhorn"])
        await self._fail("missing_action", {"filename": "airhorn"})
        await self._fail("unknown_action", {"action": "dance"})
        await self._fail("missing_filename", {"action": "play"})
        await self._fail("invalid_field", {"action": "play", "filename": "airhorn", "volume": 300})
        await self._fail("sound_not_found", {"action": "play", "filename": "nope"})
        await self._fail("play_error", {"action": "play", "filename": "noise"})
        await self._fail("random_error", {"action": "random", "tag": "broken"})
        await self._fail("no_sounds", {"action": "random", "tag": "nothing"})
        await self._fail("not_playing", {"action": "skip"})
        await self._fail("target_not_found", {"action": "status", "guild_id": "1"})
        await self._fail("forbidden", {"action": "settings", "mode": "queue"})
        await self._fail("too_large", {"action": "upload", "filename": "long.wav", "size": 1 << 30}, on=self.manager)
        notes = {"action": "upload", "filename": "notes.txt", "size": 100}
        await self._fail("unsupported_media", notes, on=self.manager)
        await self._be_busy()
        await self._be_too_fast()

    async def _be_busy(self) -> None:
        begin = asyncio.Event()

        async def wait(*_: object, **__: object) -> None:
            await begin.wait()
            raise AssertionError("it was to wait")

        wire = await self.connect(self.stage)
        await wire.sign_in(self.stage.alice)
        with self.patch.context() as patch:
            patch.setattr(self.stage.service, "wait_ready", wait)
            for number in range(8):
                await wire.send({"action": "list", "id": number})
            await self._fail("busy", {"action": "list", "id": 8}, on=wire)
        await wire.socket.close()

    async def _be_too_fast(self) -> None:
        server = await self.stage.soundboard.wait_serving()
        with self.patch.context() as patch:
            patch.setattr(server, "limits", Limits(LimitRules(requests=Rate(0, 1), presses=Rate(2, 1))))
            wire = await self.connect(self.stage)
            await wire.sign_in(self.stage.alice)
            press = {"action": "play", "filename": "airhorn"}
            await wire.ask(press)
            await self._fail("rate_limited", press, on=wire)
        await self.user.ask({"action": "stop"})

    async def _meet_faults(self) -> None:
        service = self.stage.service
        for code, action, target in (
            ("list_error", "list", "sounds"),
            ("stop_error", "stop", "stop"),
            ("status_error", "status", "status"),
            ("action_error", "queue", "queue"),
        ):
            with self.patch.context() as patch:
                patch.setattr(service, target, _raise)
                await self._fail(code, {"action": action})
        with self.patch.context() as patch:
            patch.setattr(protocol, "parse", _raise)
            await self._fail("internal_error", {"action": "ping"})

    async def _use_http(self) -> None:
        token = token_for(self.stage.alice)
        body = {"filename": "airhorn"}
        status, reply = await self._http("POST", "api/play", token, json=body)
        assert status == 200
        self.found["http"]["play"] = {"request": "POST /api/play", "body": body, "status": status, "reply": reply}
        tokens = (await self.stage.soundboard.wait_serving()).tokens
        identity = tokens.check(token)
        assert identity.token_id
        await self.stage.service.revocations.revoke_token(
            Caller(identity.user_id), identity.token_id, identity.user_id, identity.expires_at
        )
        status, reply = await self._http("POST", "api/status", token, json={})
        self._refused_http("token_revoked", "POST /api/status", status, reply)
        await self._be_slow()

    async def _be_slow(self) -> None:
        uploads = (await self.stage.soundboard.wait_serving()).dispatcher.desk.uploads
        ticket = await self.manager.ask({"action": "upload", "filename": "slow.wav", "size": 100})
        end = asyncio.Event()

        async def half() -> AsyncIterator[bytes]:
            yield bytes(50)
            await end.wait()

        with self.patch.context() as patch:
            patch.setattr(uploads, "_idle", 0.1)
            async with self.session.put(ticket["url"], data=half()) as response:
                self._refused_http("timeout", f"PUT {ticket['url']}", response.status, await response.json())
            end.set()

    async def _encode(self) -> None:
        """Have encoding seem to be under way while progress is looked at."""
        with self.patch.context() as patch:
            patch.setattr(type(self.stage.service), "encoding", property(lambda _: UNDER_WAY))
            await self._until(lambda: "library.encoding" in self.found["events"])

    async def _leave(self) -> None:
        await self.stage.seen(self.stage.alice.leave())
        await self._fail("no_voice_channel", {"action": "play", "filename": "airhorn"})


def _raise(*_: object, **__: object) -> None:
    raise RuntimeError("a fault")
