"""Tokens that are good no more: whose they are to revoke, what that reaches, and how long it lasts."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jeffbot.errors import ForbiddenError, StoreError
from jeffbot.models import Caller, UserId
from jeffbot.service.revocations import LONGEST, Revocations
from jeffbot.store import store as store_module
from jeffbot.store.records import Records
from jeffbot.store.revocations import Revocation
from jeffbot.store.revocations import Revocations as Table
from jeffbot.store.schema import revocations as table
from jeffbot.store.store import Store
from jeffbot.ws.auth import Identity, TokenError, Tokens
from service.home import ALICE, BOB, MANAGER, MEMBER, OPERATOR, OTHER, PATIENCE, Home
from staging import SECRET

NOW = 1_800_000_000.4
DAY = 86_400


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def revoked(home: Home, clock: Clock) -> Revocations:
    """What is revoked, by the test's clock."""
    return Revocations(home.store, clock)


@pytest.fixture
def tokens(revoked: Revocations, clock: Clock) -> Tokens:
    """Tokens that may be revoked."""

    def is_revoked(identity: Identity) -> bool:
        return revoked.is_revoked(identity.user_id, identity.token_id, identity.issued_at)

    return Tokens(SECRET, hours=24, is_revoked=is_revoked, clock=clock)


def is_good(tokens: Tokens, token: str) -> bool:
    try:
        tokens.check(token)
    except TokenError as error:
        if not error.revoked:
            raise
        return False
    return True


async def kept(store: Store) -> list[Revocation]:
    def work(records: Records) -> list[Revocation]:
        return sorted(records.revocations.all(), key=lambda row: row.token_id or "")

    return await store.read(work)


# What it reaches


async def test_revoke_token(revoked: Revocations, tokens: Tokens) -> None:
    """One token is refused, and what it was renewed to; the others of its user, and of others, are good."""
    token, other, others = tokens.make(ALICE, auth_time=NOW), tokens.make(ALICE), tokens.make(BOB)
    identity = tokens.check(token)
    renewed, _ = tokens.refresh(identity)
    assert identity.token_id
    await revoked.revoke_token(MEMBER, identity.token_id, ALICE, identity.expires_at)

    assert [is_good(tokens, item) for item in (token, renewed, other, others)] == [False, False, True, True]


async def test_token_of_the_same_name(revoked: Revocations) -> None:
    """A token's id counts for its user alone: nobody revokes another's by revoking their own of the same id."""
    await revoked.revoke_token(MEMBER, "x", ALICE, NOW)

    assert revoked.is_revoked(ALICE, "x", NOW + 1)
    assert not revoked.is_revoked(BOB, "x", NOW)
    assert not revoked.is_revoked(ALICE, "y", None)


async def test_revoke_user(revoked: Revocations, tokens: Tokens, clock: Clock) -> None:
    """All tokens of a person are refused that were made until then, and those that do not say when."""
    token, others = tokens.make(ALICE), tokens.make(BOB)
    clock.now += 0.2
    await revoked.revoke_user(MEMBER, ALICE)

    assert [is_good(tokens, item) for item in (token, others)] == [False, True]
    assert revoked.is_revoked(ALICE, None, clock.now - DAY)
    assert revoked.is_revoked(ALICE, None, None)
    assert revoked.is_revoked(ALICE, "x", None)
    assert not revoked.is_revoked(BOB, None, None)


async def test_made_in_the_same_second(revoked: Revocations, tokens: Tokens, clock: Clock) -> None:
    """Of the tokens of one second, those made before are refused, and those made afterwards are good at once."""
    before = tokens.make(ALICE)
    clock.now += 0.1
    await revoked.revoke_user(MEMBER, ALICE)
    clock.now += 0.000_001
    after = tokens.make(ALICE)

    assert int(NOW) == int(clock.now)
    assert [is_good(tokens, item) for item in (before, after)] == [False, True]


async def test_made_by_others_in_the_same_second(revoked: Revocations, clock: Clock) -> None:
    """Where a token says only the second it was made in, it is refused in doubt; the next second's is good."""
    await revoked.revoke_user(MEMBER, ALICE)

    assert revoked.is_revoked(ALICE, "x", int(clock.now))
    assert not revoked.is_revoked(ALICE, "x", int(clock.now) + 1)


async def test_revoke_user_again(revoked: Revocations, tokens: Tokens, clock: Clock, home: Home) -> None:
    """The last time counts, in memory and in the store, where one line of each person stays."""
    await revoked.revoke_user(MEMBER, ALICE)
    clock.now += DAY
    token = tokens.make(ALICE)
    assert is_good(tokens, token)
    await revoked.revoke_user(MEMBER, ALICE)

    assert not is_good(tokens, token)
    assert await kept(home.store) == [Revocation(ALICE, None, clock.now, clock.now + LONGEST)]


async def test_clock_that_was_ahead(revoked: Revocations, tokens: Tokens, clock: Clock) -> None:
    """Revoking once more mends what was revoked by a clock that was years ahead."""
    clock.now = NOW + 3650 * DAY
    await revoked.revoke_user(MEMBER, ALICE)
    clock.now = NOW
    assert not is_good(tokens, tokens.make(ALICE))
    await revoked.revoke_user(MEMBER, ALICE)
    clock.now += 1

    assert is_good(tokens, tokens.make(ALICE))


# Who may


@pytest.mark.parametrize("caller", [OTHER, MANAGER], ids=["member", "manager"])
async def test_tokens_of_others(revoked: Revocations, tokens: Tokens, home: Home, caller: Caller) -> None:
    """Nobody but who runs the bot revokes the tokens of others; a refused try changes nothing, and is noted."""
    token = tokens.make(ALICE)
    identity = tokens.check(token)
    assert identity.token_id
    with pytest.raises(ForbiddenError, match="whoever runs the bot"):
        await revoked.revoke_user(caller, ALICE)
    with pytest.raises(ForbiddenError, match="whoever runs the bot"):
        await revoked.revoke_token(caller, identity.token_id, ALICE, identity.expires_at)

    assert is_good(tokens, token)
    assert await kept(home.store) == []
    await home.store.flush()
    deeds = await home.store.read(lambda records: records.audit.latest())
    assert [(deed.action, deed.result, deed.user_id) for deed in deeds] == [("revoke", "forbidden", caller.user_id)] * 2


@pytest.mark.parametrize("caller", [OPERATOR, 5], ids=["operator", "bare id"])
async def test_operator(revoked: Revocations, tokens: Tokens, home: Home, caller: Caller | int) -> None:
    """Who runs the bot may, and it is noted who did what."""
    token = tokens.make(ALICE)
    await revoked.revoke_user(caller, ALICE)
    await revoked.revoke_token(caller, "x", BOB, NOW + 60)
    await home.store.flush()

    assert not is_good(tokens, token)
    assert revoked.is_revoked(BOB, "x", NOW)
    deeds = await home.store.read(lambda records: records.audit.latest())
    assert [(deed.action, deed.result, deed.target) for deed in deeds] == [
        ("revoke", "ok", f"user:{BOB} token:x"),
        ("revoke", "ok", f"user:{ALICE}"),
    ]


# How long


async def test_survives_a_restart(revoked: Revocations, home: Home) -> None:
    """It is on disk when it returns: who loads afterwards knows it."""
    await revoked.revoke_token(MEMBER, "x", ALICE, NOW + 60)
    await revoked.revoke_user(OTHER, BOB)
    again = Revocations(home.store)
    assert not again.is_revoked(ALICE, "x", NOW)
    await again.load()

    assert again.is_revoked(ALICE, "x", NOW)
    assert again.is_revoked(BOB, None, NOW)
    assert not again.is_revoked(ALICE, "y", NOW)


async def test_kept_for_as_long_as_a_token_may_live(revoked: Revocations, home: Home) -> None:
    """It is kept for 366 days, or for as long as the token itself is good, and so are those of an erased person."""
    await revoked.revoke_token(MEMBER, "long", ALICE, NOW + LONGEST + 60)
    await revoked.revoke_token(MEMBER, "short", ALICE, NOW + 60)
    await revoked.revoke_user(MEMBER, ALICE)
    assert LONGEST == 366 * DAY

    await home.service.people.erase(MEMBER)
    rows = await kept(home.store)
    assert [row.token_id for row in rows] == [None, "long", "short"]
    assert [row.expires_at - NOW for row in rows] == pytest.approx([LONGEST, LONGEST + 60, LONGEST])
    assert rows[0].expires_at > NOW + 366 * DAY - 1


async def test_forgotten_when_over(home: Home, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's cleaning removes what has ended, and no more."""
    now = time.time()
    await Revocations(home.store, lambda: now - LONGEST - 60).revoke_user(MEMBER, ALICE)
    await Revocations(home.store, lambda: now - LONGEST + 60).revoke_user(OTHER, BOB)
    assert len(await kept(home.store)) == 2

    cleaned = asyncio.Event()
    loop = asyncio.get_running_loop()
    clean = Store._clean

    def watched(store: Store) -> None:
        clean(store)
        loop.call_soon_threadsafe(cleaned.set)

    monkeypatch.setattr(store_module.Store, "_clean", watched)
    async with Store(data, serving=False) as other:
        async with asyncio.timeout(PATIENCE):
            await cleaned.wait()
        assert [row.user_id for row in await kept(other)] == [BOB]


# Told


async def test_listeners(revoked: Revocations) -> None:
    """Listeners hear of each change when it counts already, until they no longer want to."""
    heard: list[bool] = []
    unsubscribe = revoked.subscribe(lambda: heard.append(revoked.is_revoked(ALICE, "x", NOW)))
    await revoked.revoke_token(MEMBER, "y", ALICE, NOW)
    await revoked.revoke_token(MEMBER, "x", ALICE, NOW)
    await revoked.load()
    assert heard == [False, True]

    unsubscribe()
    await revoked.revoke_user(MEMBER, ALICE)
    assert len(heard) == 2


async def test_revoked_by_another_process(home: Home, data: Path) -> None:
    """What another process revokes is loaded when the store tells of news, and then listeners hear it."""
    news, heard = asyncio.Event(), asyncio.Event()
    home.store.subscribe(news.set)
    home.service.revocations.subscribe(heard.set)
    async with Store(data, serving=False) as beside:
        await Revocations(beside).revoke_user(OPERATOR, ALICE)
    async with asyncio.timeout(PATIENCE):
        await news.wait()
    assert not home.service.revocations.is_revoked(ALICE, None, None)
    await home.service.load()

    assert home.service.revocations.is_revoked(ALICE, None, None)
    assert heard.is_set()


# Trouble


async def test_store_that_cannot_be_written(
    revoked: Revocations, tokens: Tokens, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be kept is refused with the reason, changes nothing, and tells nobody."""
    heard: list[None] = []
    revoked.subscribe(lambda: heard.append(None))
    token = tokens.make(ALICE)

    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Table, "add", fail)
        with pytest.raises(StoreError, match="the disk is full"):
            await revoked.revoke_user(MEMBER, ALICE)

    assert is_good(tokens, token)
    assert not heard
    assert await kept(home.store) == []
    await revoked.revoke_user(MEMBER, ALICE)
    assert not is_good(tokens, token)


async def test_while_it_is_written(
    revoked: Revocations, tokens: Tokens, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts from when it is asked for, also if nobody waits for it, and what is loaded meanwhile keeps it."""
    identity = tokens.check(tokens.make(ALICE, auth_time=NOW))
    writing, go_on = threading.Event(), threading.Event()

    real = Table.add

    def add(records: Table, *row: Any) -> None:
        writing.set()
        assert go_on.wait(PATIENCE)
        real(records, *row)

    monkeypatch.setattr(Table, "add", add)
    revoking = asyncio.create_task(revoked.revoke_user(MEMBER, ALICE))
    assert await asyncio.to_thread(writing.wait, PATIENCE)

    with pytest.raises(ForbiddenError):
        tokens.refresh(identity)
    loading = asyncio.create_task(revoked.load())
    revoking.cancel()
    await asyncio.wait([revoking])
    go_on.set()
    await loading

    assert revoking.cancelled()
    assert revoked.is_revoked(ALICE, None, NOW)
    assert [row.user_id for row in await kept(home.store)] == [ALICE]


async def test_nothing_else_is_kept(revoked: Revocations, home: Home) -> None:
    """Of a token its id is kept, and whose it is; nothing of the token itself."""
    await revoked.revoke_token(MEMBER, "x", UserId(ALICE), NOW + 60)
    (row,) = await home.store.read(lambda records: records.connection.execute(select(table)).all())

    assert row._asdict() == {
        "id": row.id,
        "token_id": "x",
        "user_id": ALICE,
        "revoked_at": NOW,
        "expires_at": NOW + LONGEST,
    }
