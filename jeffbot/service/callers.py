"""Who asks, where they are, and what they may change."""

from ..errors import ForbiddenError, NoVoiceChannelError, StoreError
from ..models import Caller, GuildId, Sound, Standing, UserId, VoicePlace
from ..rooms import Voice
from ..store.store import Store


def caller_of(caller: Caller | int) -> Caller:
    """A bare user id stands for one without limits: other cogs of the bot give it."""
    return caller if isinstance(caller, Caller) else Caller(UserId(caller), standing=Standing.OPERATOR)


def place_of(caller: Caller, voice: Voice) -> VoicePlace | None:
    """The voice channel someone means: the one they named, the one they are in, or, of who runs the bot, its own."""
    if caller.channel_id is not None:
        return voice.channel(caller.channel_id)
    place = voice.place_of(caller.user_id, caller.guild_id)
    if place is None and caller.guild_id is not None and caller.standing is Standing.OPERATOR:
        return voice.session(caller.guild_id).place
    return place


def guild_of(caller: Caller, voice: Voice) -> GuildId | None:
    """The guild someone means: the one they may act on, the one they are in voice in, or the bot's only one."""
    if place := voice.place_of(caller.user_id, caller.guild_id):
        return place.guild_id
    return voice.only_guild() if caller.guild_id is None else caller.guild_id


def need_guild(caller: Caller, voice: Voice) -> GuildId:
    """The guild someone means.

    Raises:
        NoVoiceChannelError: It cannot be told.
    """
    guild_id = guild_of(caller, voice)
    if guild_id is None:
        raise NoVoiceChannelError
    return guild_id


def need_manager(caller: Caller, guild_id: GuildId | None, voice: Voice) -> None:
    """Refuse who may not look after a guild's library, settings and people; None: the shared library.

    That of a bot in one guild alone is its managers' to look after, too.

    Raises:
        ForbiddenError: They may not.
    """
    if caller.standing is Standing.OPERATOR:
        return
    if guild_id is None:
        if voice.only_guild() is None:
            raise ForbiddenError("The shared sounds are for whoever runs the bot to change")
        guild_id = voice.only_guild()
    if caller.standing < Standing.MANAGER or caller.guild_id != guild_id:
        raise ForbiddenError("That is for those who manage this server")


def may_manage(caller: Caller, guild_id: GuildId | None, voice: Voice) -> bool:
    """Whether :func:`need_manager` would let them."""
    try:
        need_manager(caller, guild_id, voice)
    except ForbiddenError:
        return False
    return True


def need_owner(caller: Caller, sound: Sound, voice: Voice) -> None:
    """Refuse who has not brought a sound and may not look after its library either.

    Raises:
        ForbiddenError: They may not.
    """
    if sound.uploader_id is None or sound.uploader_id != caller.user_id:
        need_manager(caller, sound.guild_id, voice)


def kept(sound: Sound, store: Store) -> Sound:
    """A sound that the store knows.

    Raises:
        StoreError: It does not know it now.
    """
    if not sound.id:
        raise store.trouble or StoreError("the sound has just come; try again in a moment")
    return sound
