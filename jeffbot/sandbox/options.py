"""What a test can set about a sandbox, also while it runs."""

from dataclasses import dataclass

AES_GCM = "aead_aes256_gcm_rtpsize"
XCHACHA20 = "aead_xchacha20_poly1305_rtpsize"


@dataclass
class Options:
    """Times in seconds."""

    join_delay: float = 0.0
    """From a bot's wish to join voice to Discord's answer."""
    interaction_deadline: float = 3.0
    """From an interaction to its first answer (Discord: Receiving and Responding)."""
    interaction_lifetime: float = 15 * 60.0
    """How long an interaction's token is good for (ibid.)."""
    gateway_heartbeat: float = 41.25
    """What HELLO of the main gateway asks for."""
    voice_heartbeat: float = 13.75
    """What HELLO of the voice gateway asks for."""
    voice_modes: tuple[str, ...] = (AES_GCM, XCHACHA20)
    """Offered transport encryption, as in READY of the voice gateway."""
