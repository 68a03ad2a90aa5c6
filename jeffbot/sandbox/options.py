"""What a test can set about a sandbox, also while it runs."""

import enum
from dataclasses import dataclass, field

AES_GCM = "aead_aes256_gcm_rtpsize"
XCHACHA20 = "aead_xchacha20_poly1305_rtpsize"


class Order(enum.StrEnum):
    """Which a bot sees first when it is moved or kicked: the two go over two connections, and Discord races."""

    TOGETHER = "together"
    CLOSE_FIRST = "close-first"
    """The voice WebSocket is closed, a little later the main gateway tells."""
    EVENTS_FIRST = "events-first"
    """The main gateway tells, a little later the voice WebSocket is closed."""


@dataclass
class UdpFaults:
    """What happens to packets on their way from a bot; the shares are probabilities of 0 to 1."""

    loss: float = 0.0
    """Share of packets that never arrive."""
    reorder: float = 0.0
    """Share of packets that arrive after their successor."""
    duplicate: float = 0.0
    """Share of packets that arrive twice."""
    blackout: bool = False
    """Nothing arrives, and IP discovery is not answered."""
    seed: int = 1
    """Of the chance."""


@dataclass
class Options:
    """Times in seconds."""

    # HTTP
    rest_delay: float = 0.0
    """How long each answer takes."""
    rate_limit: int = 50
    """Requests that one route takes from one application in a period of ``rate_limit_period``."""
    rate_limit_period: float = 1.0
    interaction_deadline: float = 3.0
    """From an interaction to its first answer (Discord: Receiving and Responding)."""
    interaction_lifetime: float = 15 * 60.0
    """How long an interaction's token is good for (ibid.)."""
    token_lifetime: float = 7 * 24 * 3600.0
    """How long an OAuth2 access token is good for (Discord: OAuth2)."""

    # Main gateway
    join_delay: float = 0.0
    """From a bot's wish to join voice to Discord's answer."""
    server_first: bool = False
    """VOICE_SERVER_UPDATE comes before VOICE_STATE_UPDATE."""
    gateway_heartbeat: float = 41.25
    """What HELLO of the main gateway asks for."""
    gateway_acks: bool = True
    """Heartbeats of the main gateway are answered."""
    gateway_rate_limit: int = 120
    """Messages that one connection takes in 60 s (Discord: Gateway, "Rate Limiting"); heartbeats count."""
    resume_window: float = 120.0
    """How long a session that lost its connection can be resumed."""
    resume_buffer: int = 4096
    """How many events of a session are kept to be sent again; Discord names no number."""
    max_concurrency: int = 1
    """Shards that may identify in one period (Discord: Gateway, "Session Start Limit Object")."""
    identify_period: float = 0.0
    """How long a bucket of shards waits to identify again; Discord's is 5 s ("Max Concurrency"), 0: not at all."""

    # Voice
    order: Order = Order.TOGETHER
    order_gap: float = 0.03
    """How much later what comes second comes."""
    voice_heartbeat: float = 13.75
    """What HELLO of the voice gateway asks for."""
    voice_acks: bool = True
    """Heartbeats of the voice gateway are answered."""
    voice_resume_window: float = 60.0
    """How long a voice connection that broke can be resumed."""
    voice_modes: tuple[str, ...] = (AES_GCM, XCHACHA20)
    """Offered transport encryption, as in READY of the voice gateway."""
    dave_version: int = 1
    """Newest version of end-to-end encryption that calls use; 0: none."""
    dave_required: bool = True
    """Clients that cannot encrypt end to end are closed with 4017 outside of stage channels."""
    listener_delay: float = 0.0
    """How long people's clients take to answer for end-to-end encryption; above 0 the bots' commits win."""
    udp: UdpFaults = field(default_factory=UdpFaults)
    """For every voice connection."""
