"""The fault table: what goes wrong at Discord, on the network and around the bot, and what has to come of it."""

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from faults import making
from faults.scene import Scene
from jeffbot.sandbox import Order

AT_ONCE, REJOINED = 1.0, 3.0
"""Seconds from a fault's end until the sound is heard again; longer where the bot has to join the channel anew."""


class Outcome(enum.Enum):
    """What has to come of a fault."""

    GOES_ON = "goes on"
    """The sound is heard again without another press."""
    ASKED_AGAIN = "ends with a reason; the next press is heard"
    """The sound ends with a reason, and the bot is nowhere half; the next press is heard."""
    UNDISTURBED = "goes on without a gap"
    """Others have the fault; the sound here is heard all the time."""
    GONE = "ends; nothing is left"
    """The bot ends, and is out of the channel."""


@dataclass(frozen=True)
class Fault:
    """A row of the table."""

    name: str
    make: Callable[[Scene], Awaitable[None]]
    """Makes it and ends it."""
    outcome: Outcome = Outcome.GOES_ON
    within: float = AT_ONCE
    """Seconds."""
    cold: bool = False
    """Nothing plays before; presses are part of the fault."""
    tone: str = "low"
    """What is to be heard after it."""
    guilds: int = 1
    own_process: bool = False
    is_long: bool = False
    """It takes so long that it is left out of a quick run."""
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    """Of the local Discord."""


def _both_orders(name: str, make: Callable[..., Awaitable[None]], outcome: Outcome, within: float) -> list[Fault]:
    words = {Order.CLOSE_FIRST: "the voice gateway first", Order.EVENTS_FIRST: "the main gateway first"}
    return [Fault(f"{name}, {told}", partial(make, order=order), outcome, within) for order, told in words.items()]


def _closes(codes: tuple[int, ...], outcome: Outcome, within: float) -> list[Fault]:
    return [
        Fault(f"voice gateway closes with {code}", partial(making.close, code=code), outcome, within) for code in codes
    ]


_GOES_ON, _ASKED_AGAIN, _GONE = Outcome.GOES_ON, Outcome.ASKED_AGAIN, Outcome.GONE
_BEATING = {"voice_heartbeat": making.HEARTBEAT_SECONDS}

FAULTS = [
    Fault("channel empties and refills", making.empties_and_refills),
    Fault("joins an empty channel, then a person comes", making.joins_empty, cold=True),
    Fault("end-to-end encryption is switched off and on", making.downgrade_and_back),
    Fault("invalid commit", making.invalid_commit),
    *_closes((1000, 4006, 4009, 4011), _GOES_ON, REJOINED),
    *_closes((4015,), _GOES_ON, AT_ONCE),
    Fault("voice gateway's connection breaks (1006)", making.cut),
    *_closes((4004, 4014, 4017, 4021, 4022), _ASKED_AGAIN, REJOINED),
    *_both_orders("moved to another channel", making.moved, _GOES_ON, AT_ONCE),
    *_both_orders("region changed", making.new_region, _GOES_ON, AT_ONCE),
    *_both_orders("kicked", making.kicked, _ASKED_AGAIN, REJOINED),
    Fault("channel deleted", making.deleted, _ASKED_AGAIN, REJOINED),
    Fault("permission to speak taken away", making.silenced, _ASKED_AGAIN, REJOINED),
    Fault("muted by a moderator, and unmuted", making.server_mute),
    Fault("main gateway breaks, session resumed", making.gateway_resumed),
    Fault("main gateway breaks, new session (READY)", making.gateway_anew, within=REJOINED),
    Fault("no UDP for 1 s", partial(making.blackout, seconds=1.0)),
    Fault("no UDP for 10 s", partial(making.blackout, seconds=10.0), is_long=True),
    Fault("no UDP for the first second of a join", making.blackout_from_the_start, within=REJOINED, cold=True),
    Fault("voice heartbeats unanswered", making.unanswered_heartbeats, options=_BEATING),
    Fault("voice messages without data (d: null)", making.null_messages),
    Fault("3 presses at once while joining", making.three_presses, within=REJOINED, cold=True),
    Fault("press while joining anew", making.press_in_recovery, within=REJOINED, tone="high"),
    Fault("press taken back while joining", making.cancelled_join, _ASKED_AGAIN, REJOINED, cold=True),
    Fault("bot.close() while joining", making.ended_joining, _GONE, cold=True),
    Fault("bot.close() while playing", making.ended_playing, _GONE),
    Fault("bot.close() while joining anew", making.ended_recovering, _GONE),
    Fault("process stopped for 2 s", making.stopped_process, own_process=True),
    Fault("wall clock jumps an hour on and back", making.clock_jumps, own_process=True),
    Fault(
        "two guilds fail while a third plays", making.neighbours_fail, Outcome.UNDISTURBED, guilds=3, own_process=True
    ),
]
"""All of them."""
