"""Applications: a bot's account, and what its owner sets about it (Discord: Resources, Application)."""

import secrets
from collections.abc import Iterable, Iterator

from ..gateway.intents import NO_INTENTS, Intents, flags_of, granted_by
from ..world.guild import Guild
from ..world.payloads import Json
from ..world.values import Channel, User
from ..world.world import World
from .registry import CommandRegistry


class Application:
    """A bot's account, and what a moderator does to it in voice.

    Args:
        world: Where it lives.
        name: Its bot's name.
        privileged: The privileged intents that it was granted.
        redirect_uris: Where people may be sent after signing in.
        public_client: It can keep no secret.
    """

    def __init__(
        self,
        world: World,
        name: str,
        privileged: Intents = NO_INTENTS,
        redirect_uris: Iterable[str] = (),
        *,
        public_client: bool = False,
    ) -> None:
        self._world = world
        self.id = world.next_id()
        self.user = User(self.id, name, bot=True)
        self.token = f"{self.id}.{secrets.token_urlsafe(24)}"
        self.commands = CommandRegistry(self.id, world.next_id, world.touch)
        self.client_secret = secrets.token_urlsafe(24)
        """What the application shows to get OAuth2 tokens; its ``client_id`` is its id."""
        self.redirect_uris = list(redirect_uris)
        """Where people are sent after signing in (Discord: OAuth2, "Authorization Code Grant"); compared exactly."""
        self.public_client = public_client
        """It can keep no secret and needs none, but a code challenge (RFC 6749, section 2.1; RFC 7636)."""
        self.bot_public = True
        """Everybody may let the bot into their guilds, not only its owner."""
        self.owner: User | None = None
        """Whose application it is; None: the first person's there is."""
        self.flags = flags_of(privileged)
        """Discord: Resources, Application, "Application Flags"; here the privileged intents are switched on and off."""
        self.profile: Json = {}
        """Further fields of its JSON that it has set itself, such as ``description``."""

    @property
    def privileged(self) -> Intents:
        """The privileged intents that it was granted (Discord: Gateway, "Privileged Intents")."""
        return granted_by(self.flags)

    def guilds(self) -> Iterator[Guild]:
        """Where its bot is a member."""
        return self._world.guilds_of(self.user)

    async def kick_from_voice(self, guild: Guild) -> None:
        """A moderator disconnects the bot: VOICE_STATE_UPDATE, and close code 4014 on the voice gateway.

        The two go over two connections; a client may see them in either order, as at Discord.
        """
        guild.set_voice(self.user, None)

    async def move_voice(self, channel: Channel) -> None:
        """A moderator drags the bot into another voice channel of the guild it is in."""
        channel.guild.set_voice(self.user, channel)
