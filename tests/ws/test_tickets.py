"""Leave to send files: who gets it, and for how long."""

import pytest

from jeffbot.errors import RateLimitedError, SoundboardError
from jeffbot.models import Caller, GuildId, UserId
from jeffbot.ws.tickets import MAX_TICKETS, MAX_USER_TICKETS, TICKET_SECONDS, Tickets

MEMBER, OTHER = Caller(UserId(1), GuildId(81)), Caller(UserId(2), GuildId(81))
MAX_BYTES = 100_000


@pytest.mark.parametrize(
    ("name", "size", "sha256", "code"),
    [
        ("horn.wav", 0, None, "invalid_field"),
        ("horn.wav", -1, None, "invalid_field"),
        ("horn.wav", MAX_BYTES + 1, None, "too_large"),
        ("horn.exe", 10, None, "unsupported_media"),
        ("../horn.HTML", 10, None, "unsupported_media"),
        ("horn.wav", 10, "0" * 63, "invalid_field"),
        ("horn.wav", 10, "g" * 64, "invalid_field"),
        ("horn.wav", 10, "0" * 64 + "\n", "invalid_field"),
    ],
)
def test_refused_at_once(name: str, size: int, sha256: str | None, code: str) -> None:
    """What could never be taken gets no ticket."""
    with pytest.raises(SoundboardError) as refusal:
        Tickets(max_bytes=MAX_BYTES).issue(MEMBER, name, size, sha256)

    assert refusal.value.code == code


@pytest.mark.parametrize("name", ["horn", "HORN.MP3", "horn.opus", "Mr. Horn", "horn v1.2", "No.one home", ""])
def test_names(name: str) -> None:
    """A name that does not say otherwise may be that of a sound."""
    assert Tickets(max_bytes=MAX_BYTES).issue(MEMBER, name, MAX_BYTES).filename == name


def test_too_many_tickets_of_one_user() -> None:
    """Who announces more than they send is told when to try again; others are not held up by it."""
    now = 1000.0
    tickets = Tickets(max_bytes=MAX_BYTES, clock=lambda: now)
    for _ in range(MAX_USER_TICKETS):
        tickets.issue(MEMBER, "horn", 1)
        now += 1

    with pytest.raises(RateLimitedError) as refusal:
        tickets.issue(MEMBER, "horn", 1)

    assert refusal.value.retry_after == TICKET_SECONDS - MAX_USER_TICKETS
    assert tickets.issue(OTHER, "horn", 1)
    now += refusal.value.retry_after
    assert tickets.issue(MEMBER, "horn", 1)


def test_too_many_tickets() -> None:
    """However many people announce files, no more than a thousand wait."""
    tickets = Tickets(max_bytes=MAX_BYTES)
    for number in range(MAX_TICKETS):
        tickets.issue(Caller(UserId(number // MAX_USER_TICKETS + 1)), "horn", 1)

    with pytest.raises(RateLimitedError):
        tickets.issue(Caller(UserId(MAX_TICKETS)), "horn", 1)
