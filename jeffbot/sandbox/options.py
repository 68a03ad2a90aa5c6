"""What a test can set about a sandbox, also while it runs."""

import enum
import random
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Final, Literal, get_type_hints

import msgspec

AES_GCM: Final = "aead_aes256_gcm_rtpsize"
XCHACHA20: Final = "aead_xchacha20_poly1305_rtpsize"
type _Mode = Literal["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Bounded:
    """Takes values within the bounds of its fields; others raise ``msgspec.ValidationError``, a ``ValueError``."""

    _hints: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        cls._hints = get_type_hints(cls, include_extras=True)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, msgspec.convert(value, self._hints.get(name, Any)))


class Order(enum.StrEnum):
    """Which a bot sees first when it is moved or kicked: the two go over two connections, and Discord races."""

    TOGETHER = "together"
    CLOSE_FIRST = "close-first"
    """The voice WebSocket is closed, a little later the main gateway tells."""
    EVENTS_FIRST = "events-first"
    """The main gateway tells, a little later the voice WebSocket is closed."""


@dataclass
class UdpFaults(_Bounded):
    """What happens to packets on their way from a bot; the shares are probabilities of 0 to 1."""

    loss: _Share = 0.0
    """Share of packets that never arrive."""
    reorder: _Share = 0.0
    """Share of packets that arrive after their successor."""
    duplicate: _Share = 0.0
    """Share of packets that arrive twice."""
    blackout: bool = False
    """Nothing arrives, and IP discovery is not answered."""
    seed: _Count = 1
    """Of the chance: the same faults with the same seed meet the same packets. One that is set begins anew."""

    def __post_init__(self) -> None:
        self._begin()

    def drawn(self, share: float) -> bool:
        """Whether the next packet is among this share of all."""
        if self._seeded != self.seed:
            self._begin()
        return share > 0 and self._chance.random() < share

    def _begin(self) -> None:
        self._seeded = self.seed
        self._chance = random.Random(self.seed)  # noqa: S311 - faults on request, no secrets


@dataclass
class Options(_Bounded):
    """Times in seconds."""

    # HTTP
    rest_delay: _Seconds = 0.0
    """How long each answer takes."""
    rate_limit: _Count = 50
    """Requests that one route takes from one application in a period of ``rate_limit_period``."""
    rate_limit_period: _Seconds = 1.0
    interaction_deadline: _Seconds = 3.0
    """From an interaction to its first answer (Discord: Receiving and Responding)."""
    interaction_lifetime: _Seconds = 15 * 60.0
    """How long an interaction's token is good for (ibid.)."""
    token_lifetime: _Seconds = 7 * 24 * 3600.0
    """How long an OAuth2 access token is good for (Discord: OAuth2)."""

    # Main gateway
    join_delay: _Seconds = 0.0
    """From a bot's wish to join voice to Discord's answer."""
    server_first: bool = False
    """VOICE_SERVER_UPDATE comes before VOICE_STATE_UPDATE."""
    gateway_heartbeat: _Seconds = 41.25
    """What HELLO of the main gateway asks for."""
    gateway_acks: bool = True
    """Heartbeats of the main gateway are answered."""
    gateway_rate_limit: _Count = 120
    """Messages that one connection takes in 60 s (Discord: Gateway, "Rate Limiting"); heartbeats count."""
    resume_window: _Seconds = 120.0
    """How long a session that lost its connection can be resumed."""
    resume_buffer: _Count = 4096
    """How many events of a session are kept to be sent again; Discord names no number."""
    max_concurrency: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    """Shards that may identify in one period (Discord: Gateway, "Session Start Limit Object")."""
    identify_period: _Seconds = 0.0
    """How long a bucket of shards waits to identify again; Discord's is 5 s ("Max Concurrency"), 0: not at all."""

    # Voice
    order: Order = Order.TOGETHER
    order_gap: _Seconds = 0.03
    """How much later what comes second comes."""
    voice_heartbeat: _Seconds = 13.75
    """What HELLO of the voice gateway asks for."""
    voice_acks: bool = True
    """Heartbeats of the voice gateway are answered."""
    voice_resume_window: _Seconds = 60.0
    """How long a voice connection that broke can be resumed."""
    voice_modes: Annotated[tuple[_Mode, ...], msgspec.Meta(min_length=1)] = (AES_GCM, XCHACHA20)
    """Offered transport encryption, as in READY of the voice gateway."""
    dave_version: Literal[0, 1] = 1
    """Newest version of end-to-end encryption that calls use; 0: none."""
    dave_required: bool = True
    """Clients that cannot encrypt end to end are closed with 4017 outside of stage channels."""
    listener_delay: _Seconds = 0.0
    """How long people's clients take to answer for end-to-end encryption; above 0 the bots' commits win."""
    udp: UdpFaults = field(default_factory=UdpFaults)
    """For every voice connection."""
