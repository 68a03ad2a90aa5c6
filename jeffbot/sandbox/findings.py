"""What Discord tolerates but a good client does not do: never refused, always noted, for a test to look at."""

import enum
from collections.abc import Callable
from typing import NamedTuple


class Kind(enum.StrEnum):
    """Every finding there is."""

    UNKNOWN_FIELD = "unknown-field"
    """A request has a field that Discord does not know."""
    DEPRECATED_FIELD = "deprecated-field"
    """A request has a field that Discord has given up."""
    COERCED_VALUE = "coerced-value"
    """A value of a wrong type, of which Discord makes the right one."""
    NO_USER_AGENT = "no-user-agent"
    """A request does not say whose it is (Discord: Reference, "User Agent")."""
    RATE_LIMIT_IGNORED = "rate-limit-ignored"
    """A request came before the time that a 429 had named."""
    SESSION_GIVEN_UP = "session-given-up"
    """A client identified anew though its session could be resumed."""
    HEARTBEAT_UNANSWERED = "heartbeat-unanswered"
    """A heartbeat that the gateway asked for (op 1) did not come."""
    SEQ_ACK_MISSING = "seq-ack-missing"
    """A voice heartbeat or resume without ``seq_ack`` (Voice, "Buffered Resume")."""
    SEQ_ACK_STALE = "seq-ack-stale"
    """A voice heartbeat acknowledges less than an earlier one, or what was never sent."""
    NOT_SPEAKING = "not-speaking"
    """A packet without a Speaking message before it (Voice, "Speaking")."""
    INVALID_SSRC = "invalid-ssrc"
    """A packet of an SSRC that nobody has, or a Speaking message with another than its sender's (Voice, "Speaking")."""
    SPEAKING_DELAY = "speaking-delay"
    """A Speaking message with a delay that is not 0 (Voice, "Speaking")."""
    NO_SILENCE = "no-silence"
    """A talk spurt that someone heard did not end with five silence frames (Voice, "Voice Data Interpolation")."""
    NONCE_REPEATED = "nonce-repeated"
    """Two packets of one key with one nonce."""
    NONCE_NOT_COUNTED = "nonce-not-counted"
    """A nonce that is not the last one's successor (Voice, "Transport Encryption Modes")."""
    SEQUENCE_NOT_COUNTED = "sequence-not-counted"
    """An RTP sequence number that is not the last one's successor (RFC 3550, section 5.1)."""
    TIMESTAMP_STUCK = "timestamp-stuck"
    """The RTP timestamp stood still over a pause."""
    BURST = "burst"
    """Packets far faster than one in 20 ms."""
    PAYLOAD_TYPE = "payload-type"
    """An RTP header that is not version 2 and payload type 120 (Voice, "Encrypting and Sending Voice")."""
    NOT_OPUS = "not-opus"
    """A packet that is no Opus: listeners hear a gap."""
    IN_CLEAR = "in-clear"
    """A packet in clear in an end-to-end encrypted call: nobody hears it."""
    UNDECRYPTABLE = "undecryptable"
    """A packet that no listener could decrypt."""
    DAVE = "dave"
    """A client did not do its part in end-to-end encryption; the text says which."""


def legible(text: str) -> str:
    """A client's text without what cannot be encoded, such as bytes that were no UTF-8."""
    return text.encode(errors="replace").decode()


class Finding(NamedTuple):
    """One of them."""

    kind: Kind
    client: str
    """Whose doing: an application's name, or an address."""
    text: str


class Findings(list[Finding]):
    """All findings so far, oldest first. The same one of the same client is noted once."""

    def __init__(self, touch: Callable[[], None]) -> None:
        super().__init__()
        self._touch = touch

    def note(self, kind: Kind, client: str, text: str) -> None:
        """Add one."""
        finding = Finding(kind, client, legible(text))
        if finding not in self:
            self.append(finding)
            self._touch()

    def kinds(self) -> set[Kind]:
        """The kinds that there are."""
        return {finding.kind for finding in self}
