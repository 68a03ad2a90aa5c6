"""What a token has to carry for each action: every action, asked to read and to change, with every set of scopes."""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from jeffbot.errors import ErrorCode, SoundboardError
from jeffbot.models import UserId
from jeffbot.ws import protocol, replies, scopes
from jeffbot.ws.actions import ACTIONS, Action
from jeffbot.ws.claims import Identity
from jeffbot.ws.dispatch import Asker, Dispatcher
from jeffbot.ws.handlers import playing
from jeffbot.ws.requests import Request
from jeffbot.ws.scopes import Scope
from serving import FakeService, make_server

NOBODY, READ, PLAY, MANAGE = None, Scope.READ, Scope.PLAY, Scope.MANAGE
FILE = {"filename": "x"}
SETTINGS: dict[str, Any] = {
    "mode": "queue",
    "retrigger": None,
    "volume": 5,
    "native": True,
    "entrances": False,
    "entrance_on_move": True,
    "entrance_cooldown": 3,
    "time_zone": "UTC",
}


class Row(NamedTuple):
    """One way to ask for an action."""

    action: str
    needed: Scope | None
    changes: bool = False
    fields: dict[str, Any] = FILE


TABLE = (
    Row("authenticate", NOBODY),
    Row("ping", NOBODY),
    *(Row(name, READ) for name in ("list", "search", "status", "diagnose", "guilds", "recent", "stats", "refresh")),
    *(Row(name, READ) for name in ("player", "queue", "favourites", "entrance", "settings", "describe")),
    *(Row(name, READ, fields={"topics": ["playback"]}) for name in ("subscribe", "unsubscribe")),
    *(Row(name, PLAY, changes=True) for name in ("play", "random", "stop", "skip")),
    *(
        Row("player", PLAY, changes=True, fields=field)
        for field in ({"paused": False}, {"paused": "toggle"}, {"volume": 0})
    ),
    *(Row("queue", PLAY, changes=True, fields=field) for field in ({"remove": ["p1"]}, {"clear": True})),
    *(Row("favourites", PLAY, changes=True, fields=field) for field in ({"add": ["x"]}, {"remove": ["x"]})),
    *(
        Row("entrance", PLAY, changes=True, fields=field)
        for field in ({"entrance": None}, {"exit": "x"}, {"greeted": False})
    ),
    *(Row(name, MANAGE, changes=True) for name in ("edit", "delete")),
    Row("upload", MANAGE, changes=True, fields={"filename": "x.wav", "size": 1}),
    *(Row("settings", MANAGE, changes=True, fields={name: value}) for name, value in SETTINGS.items()),
)
IMPLIED = {READ: {READ}, PLAY: {READ, PLAY}, MANAGE: {READ, MANAGE}, Scope.ADMIN: set(Scope)}
SETS = tuple(frozenset(chosen) for count in range(5) for chosen in itertools.combinations(Scope, count))


@pytest.fixture(scope="module")
def dispatcher(tmp_path_factory: pytest.TempPathFactory) -> Dispatcher:
    """What allows requests."""
    return make_server(FakeService(), tmp_path_factory.mktemp("scopes")).dispatcher


def asker(granted: Iterable[Scope] | None) -> Asker:
    """Somebody whose token carries these; None: who has not signed in."""
    identity = None
    if granted is not None:
        identity = Identity(UserId(1), "t1", 2e9, 1e9, scopes.implied(granted), auth_time=None)
    return Asker("a client", identity, "127.0.0.1", "http://localhost", lambda _user_id, _cost: None)


def refusal(dispatcher: Dispatcher, row: Row, who: Asker) -> replies.ErrorReply | None:
    """What this asker is answered; None: it may be carried out."""
    message = protocol.parse(msgspec.json.encode({"action": row.action, **row.fields}))
    try:
        dispatcher.check(message, who)
    except SoundboardError as error:
        return dispatcher.refuse(error, message)
    return None


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_every_set_of_scopes(dispatcher: Dispatcher, row: Row) -> None:
    """Those may who carry what it takes, or what brings it; others are told what they lack."""
    for granted in SETS:
        refused = refusal(dispatcher, row, asker(granted))
        may = row.needed is None or any(row.needed in IMPLIED[scope] for scope in granted)

        assert (refused is None) is may, granted
        if refused:
            assert (refused.error_code, refused.details) == (ErrorCode.FORBIDDEN, {"required_scope": str(row.needed)})


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_without_signing_in(dispatcher: Dispatcher, row: Row) -> None:
    """Who has not signed in may do nothing but that, and ping."""
    refused = refusal(dispatcher, row, asker(None))

    assert (refused is None) is (row.needed is None)
    assert refused is None or refused.error_code is ErrorCode.NOT_AUTHENTICATED


@pytest.mark.parametrize("row", [row for row in TABLE if row.changes], ids=str)
def test_refusals_are_noted(tmp_path: Path, row: Row) -> None:
    """Who is refused a change is in the audit, once."""
    service = FakeService()
    refusal(make_server(service, tmp_path).dispatcher, row, asker(()))

    (note,) = service.notes
    assert note[1:] == (row.action, ErrorCode.FORBIDDEN)


def test_the_table_is_whole() -> None:
    """It has every action, and every field that changes something where others only read."""
    assert {row.action for row in TABLE} == set(ACTIONS)
    for action in ACTIONS.values():
        if action.change_scope:
            changing = {name for row in TABLE if row.action == action.name and row.changes for name in row.fields}
            reading = {"guild_id", "channel_id"}
            assert changing | reading == set(action.request.__struct_fields__), action.name


def test_denied_by_default() -> None:
    """An action says what it takes, or there is none; none but signing in and ping take nothing."""
    with pytest.raises(TypeError, match="scope"):
        Action(name="new", request=Request, reply=replies.Pong, handler=playing.ping)  # type: ignore[call-arg]
    assert {action.name for action in ACTIONS.values() if action.scope is None} == {"authenticate", "ping"}
