"""Why somebody hears nothing, as far as the soundboard itself can tell; voice tells the rest."""

from collections.abc import Iterator

from ..playback import Status

OWN_VOLUME = (
    "What cannot be seen from here: right-click the bot in the voice channel and look at its user volume, and whether "
    "you muted it; then at the output device in Discord's voice settings."
)


def silence(status: Status, *, volume: float, refusal: str | None) -> Iterator[str]:
    """Why the bot itself may be silent.

    Args:
        status: What it does.
        volume: How loud it is, percent.
        refusal: Why the last press was not heard; None: it was.
    """
    if not status.sound_count:
        yield "There are no sounds. Whoever runs the bot has to put some into its sounds folder."
    if volume == 0:
        yield "The volume is 0. Turn it up: JEFFBOT_VOLUME, or set_volume."
    if status.paused:
        yield "What plays has been paused. Go on with it, or press another sound."
    elif not status.playing:
        if refusal:
            yield f"The last press was not heard: {refusal}. Put that right, then press again."
        yield "Nothing is playing. Press a sound."
        if progress := status.encoding:
            yield f"Of {progress.total} sounds {progress.done} are prepared. Others may take a moment to begin."


def checked(status: Status) -> Iterator[str]:
    """What is well, and what to look at oneself, for who hears nothing all the same."""
    voice = status.voice
    if status.connected:
        encrypted = "end-to-end encrypted" if voice.encrypted else "not end-to-end encrypted"
        yield (
            f"Voice is well: the bot is with you in {status.channel} and may speak; {voice.packets_sent} packets have "
            f"left, {voice.packets_late} of them late, {encrypted}, for {voice.listeners} who can listen."
        )
        yield OWN_VOLUME
