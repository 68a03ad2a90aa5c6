"""What a press, a random sound and an entrance have in common: a sound begins in a guild."""

import logging
import weakref

from ..errors import NativeSoundboardError, PlaybackError, printable
from ..models import WHOLE, GuildId, Mode, PlayOptions, Sound, UserId, VoicePlace
from ..playback import Playback
from ..rooms import Bank, Session, Voice
from ..tasks import start_now
from .guilds import Guilds

logger = logging.getLogger(__name__)


class Starter:
    """Begins sounds, and remembers of each guild what came of it."""

    def __init__(self, bank: Bank, voice: Voice, guilds: Guilds) -> None:
        self._bank = bank
        self._voice = voice
        self._guilds = guilds
        self.last: dict[GuildId, Sound] = {}
        """What was begun last."""
        self.refusals: dict[GuildId, str] = {}
        """Why the last press was not heard, where it was not."""
        self._tuned: weakref.WeakSet[Session] = weakref.WeakSet()
        """The sessions whose volume has been set."""

    async def start(self, sound: Sound, user_id: UserId, place: VoicePlace, options: PlayOptions) -> Playback:
        """Play a sound; returns when it has begun, or waits.

        Raises:
            PlaybackError: It cannot be played.
        """
        before = self.last.get(place.guild_id)
        self.last[place.guild_id] = sound  # before it has begun: presses begin in the order they are made
        clip = start_now(self._bank.clip(sound), f"jeffbot clip {sound.name}")  # while the channel is joined
        playback = None
        try:
            session = self._voice.session(place.guild_id)
            self._tune(session, place.guild_id)
            if self._could_be_native(sound, options, session):
                playback = await self._played_natively(session, sound, user_id, place, counted=options.counted)
                if playback:
                    return playback
            playback = await session.play(sound, user_id, place, clip, options)
        except PlaybackError as error:
            if options.counted:  # else nobody pressed
                self.refusals[place.guild_id] = str(error).removesuffix(".")
            raise
        else:
            self.refusals.pop(place.guild_id, None)
            return playback
        finally:
            if playback is None and before and self.last[place.guild_id] is sound:
                self.last[place.guild_id] = before  # refused, or taken back: it was not heard
            if not clip.cancel() and not clip.cancelled():
                clip.exception()  # seen: a press that ended otherwise need not have awaited it

    def set_volume(self, guild_id: GuildId, percent: float) -> None:
        """How loud a guild's session is, until it ends.

        Raises:
            LibopusMissingError: This machine cannot change it.
        """
        session = self._voice.session(guild_id)
        session.set_volume(percent)
        self._tuned.add(session)

    def _tune(self, session: Session, guild_id: GuildId) -> None:
        """Have a session be as loud as the guild remembers it, unless somebody has said otherwise since."""
        volume = self._guilds.settings(guild_id).volume
        if session not in self._tuned and volume is not None:
            session.set_volume(volume)
        self._tuned.add(session)

    @staticmethod
    def _could_be_native(sound: Sound, options: PlayOptions, session: Session) -> bool:
        """Whether Discord's soundboard would play it as it is asked for: it knows no volume, queue or trim."""
        if sound.native_id is None or sound.details.trim != WHOLE:
            return False
        is_plain = options.factor == 1 and session.volume == 100
        return is_plain and not (options.mode in (Mode.QUEUE, Mode.NEXT) and session.now_playing is not None)

    async def _played_natively(
        self, session: Session, sound: Sound, user_id: UserId, place: VoicePlace, *, counted: bool
    ) -> Playback | None:
        """Played by Discord's own soundboard, where that has it and the guild prefers it; None: it was not."""
        if not self._guilds.settings(place.guild_id).native:
            return None
        try:
            return await session.play_native(sound, user_id, place, counted=counted)
        except NativeSoundboardError as error:
            logger.info("the bot plays %s itself in guild %d: %s", printable(sound.name), place.guild_id, error)
            return None
