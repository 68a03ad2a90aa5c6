"""The world: all accounts, guilds and channels there are, and news of their changes."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from .events import (
    Change,
    Event,
    MessageChanged,
    MessagesDeleted,
    PinsChanged,
    PresenceChanged,
    ReactionChanged,
    ReactionsCleared,
    SoundboardPlayed,
    TypingStarted,
    UserChanged,
)
from .guild import Guild
from .permissions import EVERYONE
from .values import Channel, ChannelType, DirectChannel, Message, Place, Role, User

DISCORD_EPOCH_MS = 1_420_070_400_000
"""First millisecond of 2015, from which snowflakes count (Discord: Reference, "Snowflakes")."""


class World:
    """All there is. Subscribers are called at once and in the order they subscribed."""

    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        """Of all guilds."""
        self.directs: dict[int, DirectChannel] = {}
        self._counter = itertools.count()
        self._subscribers: list[Callable[[Event], None]] = []
        self._change: asyncio.Future[None] | None = None

    def next_id(self) -> int:
        """A new snowflake."""
        milliseconds = time.time_ns() // 1_000_000 - DISCORD_EPOCH_MS
        return milliseconds << 22 | next(self._counter) & 0x3FFFFF

    def add_guild(self, name: str, owner: User, *, guild_id: int | None = None) -> Guild:
        """A new guild with its @everyone role and a text channel."""
        guild = Guild(guild_id or self.next_id(), name, self, owner)
        guild.roles.append(Role(guild.id, "@everyone", EVERYONE))
        self.guilds[guild.id] = guild
        self.users.setdefault(owner.id, owner)
        guild.add_channel("chat", ChannelType.TEXT)
        return guild

    def guilds_of(self, user: User) -> Iterator[Guild]:
        """The guilds that a user is a member of."""
        return (guild for guild in self.guilds.values() if user.id in guild.members)

    def voice_channel_of(self, user: User) -> Channel | None:
        """The voice channel that a user is in."""
        for guild in self.guilds.values():
            if state := guild.voice_states.get(user.id):
                return state.channel
        return None

    def direct_channel(self, one: User, other: User) -> DirectChannel:
        """The private channel of two users; made when first asked for."""
        for channel in self.directs.values():
            if {user.id for user in channel.users} == {one.id, other.id}:
                return channel
        channel = DirectChannel(self.next_id(), (one, other))
        self.directs[channel.id] = channel
        return channel

    # What happens

    def post(self, message: Message) -> None:
        """A message appears in its place."""
        message.beside.append(message)
        self.publish(MessageChanged(message, Change.CREATED))

    def edit_message(self, message: Message, **fields: Any) -> None:
        """Change fields of a message, by their names in ``Message``; of one that has been deleted nobody is told."""
        message.edited = time.time()
        for name, value in fields.items():
            setattr(message, name, value)
        if message.is_there:
            self.publish(MessageChanged(message, Change.UPDATED))
        else:
            self.touch()

    def delete_message(self, message: Message) -> None:
        """A message disappears."""
        if message.is_there:
            message.beside.remove(message)
            self.publish(MessageChanged(message, Change.DELETED))
        else:
            self.touch()

    def delete_messages(self, place: Place, messages: tuple[Message, ...]) -> None:
        """Several messages of one place disappear at once."""
        place.messages[:] = [message for message in place.messages if message not in messages]
        self.publish(MessagesDeleted(place, messages))

    def pin(self, message: Message, *, pinned: bool) -> None:
        """Pin a message, or take the pin away."""
        message.pinned, message.pinned_at = pinned, time.time() if pinned else None
        self.publish(PinsChanged(message.place))

    def react(self, message: Message, user: User, emoji: str, *, added: bool) -> None:
        """Someone reacts to a message, or takes it back."""
        users = message.reactions.get(emoji, [])
        if added == (user in users):
            return
        if added:
            message.reactions.setdefault(emoji, users).append(user)
        else:
            users.remove(user)
        if not users:
            del message.reactions[emoji]
        self.publish(ReactionChanged(message, user, emoji, added))

    def clear_reactions(self, message: Message, emoji: str | None = None) -> None:
        """Take away all reactions to a message, or all with one emoji."""
        for each in list(message.reactions) if emoji is None else [emoji]:
            message.reactions.pop(each, None)
        self.publish(ReactionsCleared(message, emoji))

    def type(self, place: Place, user: User) -> None:
        """Someone types."""
        self.publish(TypingStarted(place, user))

    def set_presence(self, user: User, presence: dict[str, Any]) -> None:
        """An account says what it does."""
        user.presence = presence
        self.publish(PresenceChanged(user, tuple(self.guilds_of(user))))

    def rename(self, user: User, name: str) -> None:
        """An account takes another name."""
        user.name = name
        self.publish(UserChanged(user, tuple(self.guilds_of(user))))

    def play_soundboard(self, channel: Channel, user: User, effect: dict[str, Any]) -> None:
        """A sound of Discord's own soundboard is sent to a voice channel."""
        self.publish(SoundboardPlayed(channel, user, effect))

    # News

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Have every event told from now on."""
        self._subscribers.append(subscriber)

    def publish(self, event: Event) -> None:
        """Tell subscribers, and wake whoever waits in ``until``."""
        for subscriber in self._subscribers:
            subscriber(event)
        self.touch()

    def touch(self) -> None:
        """Wake whoever waits in ``until``: something they may look at has changed."""
        if self._change is not None:
            if not self._change.done():
                self._change.set_result(None)
            self._change = None

    async def until[T](self, condition: Callable[[], T], timeout: float) -> T:  # noqa: ASYNC109 - the public name
        """Wait until the condition holds; it is asked again at every change, never by the clock.

        Returns:
            What the condition returned.

        Raises:
            TimeoutError: It did not hold within ``timeout`` seconds.
        """
        async with asyncio.timeout(timeout):
            while not (outcome := condition()):
                if self._change is None:
                    self._change = asyncio.get_running_loop().create_future()
                await asyncio.shield(self._change)
        return outcome
