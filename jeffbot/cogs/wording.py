"""What members are told, as Discord shows it."""

from collections.abc import Iterable, Iterator

import nextcord

from ..models import LinkState, VoiceReport
from ..playback import Playback, Status

_CIPHERS = {"aead_aes256_gcm_rtpsize": "AES-256-GCM", "aead_xchacha20_poly1305_rtpsize": "XChaCha20-Poly1305"}
"""As people call them (Discord: Voice, "Transport Encryption Modes")."""
_AWAY = {
    LinkState.JOINING: "It is joining a voice channel.",
    LinkState.RECOVERING: "The voice connection ended and is being made anew.",
    LinkState.GONE: "It is being unloaded.",
}


def plain(text: str | None) -> str:
    """Someone's text, shown as it is."""
    return nextcord.utils.escape_markdown(text or "")


def pressed(playback: Playback) -> str:
    """What became of a press."""
    verb = "Playing" if playback.started_at else "Next comes"
    return f"{verb} **{plain(playback.title)}** in **{plain(playback.place.channel)}**."


def told(status: Status) -> str:
    """What the bot does, how far its library is, and how voice is."""
    return "\n".join([f"{_scene(status)} {_library(status)}", *_voice(status.voice)])


def listed(findings: Iterable[str]) -> str:
    """Findings, one a line."""
    return "\n".join(f"- {plain(finding)}" for finding in findings)


def _scene(status: Status) -> str:
    place = f"In **{plain(status.channel)}**" if status.channel else "In no voice channel"
    now, waiting = status.now_playing, len(status.queue)
    if now is None:
        return f"{place}, playing nothing."
    length = "?" if now.duration is None else f"{now.duration:.1f}"
    verb = "paused in" if status.paused else "playing"
    more = f"; {waiting} more wait" if waiting else ""
    return f"{place}, {verb} **{plain(now.title)}** ({now.position:.1f} of {length} s){more}."


def _library(status: Status) -> str:
    progress = status.encoding
    prepared = f"; {progress.done} of {progress.total} prepared so far" if progress else ""
    return f"{status.sound_count} sounds in the library{prepared}."


def _voice(voice: VoiceReport) -> Iterator[str]:
    if voice.state in (LinkState.READY, LinkState.PLAYING):
        encrypted = f"end-to-end encrypted (key {voice.epoch})" if voice.encrypted else "not end-to-end encrypted"
        cipher = _CIPHERS.get(voice.cipher or "", voice.cipher)
        yield (
            f"Voice: {voice.listeners} listening, {encrypted}, {voice.packets_sent} packets sent, {voice.packets_late} "
            f"of them late. Cipher on the way to Discord: {cipher}."
        )
    elif voice.state in _AWAY:
        yield _AWAY[voice.state]
    if voice.last_close:
        yield f"Last trouble with voice: {voice.last_close}."
