"""The remote control, put together out of the settings."""

from ..audio.bank import SoundBank
from ..models import Caller, GuildId, UserId
from ..rooms import Voice
from ..service import SoundService
from ..service.callers import guild_of
from ..service.targets import Targets
from ..settings import Settings
from .access import Access
from .auth import Tokens
from .desk import Desk
from .feed import Feed
from .limits import LimitRules, Rate
from .previews import Previews
from .server import Gate, Server
from .uploads import Uploads

FEATURES = (
    *("modes", "targets", "ids", "events", "scopes", "refresh", "search", "favourites", "entrances", "uploads"),
    *("stats", "settings", "previews", "http"),
)
"""What a client may count on beyond the first protocol."""
UPLOADS = "uploads"
"""The folder in the data folder for files on their way."""


def build_server(
    service: SoundService, bank: SoundBank, voice: Voice, *, tokens: Tokens, access: Access, settings: Settings
) -> Server:
    """The server of one soundboard."""
    feed = Feed(_Sight(voice))
    desk = Desk(
        service=service,
        tokens=tokens,
        uploads=Uploads(service, settings.data_dir / UPLOADS, max_bytes=settings.upload_mib << 20),
        features=FEATURES,
    )
    gate = Gate(
        host=settings.ws_host,
        port=settings.ws_port,
        auth_timeout=settings.auth_timeout,
        limits=LimitRules(
            requests=Rate(settings.request_rate, settings.request_burst),
            presses=Rate(settings.press_rate, settings.press_burst),
            failures=Rate(settings.failed_authentications / 60, max(settings.failed_authentications, 1)),
            refusals=settings.refusals,
        ),
        proxies=access.proxies,
        origins=access.origins,
        public_url=settings.public_url,
        connections=settings.connections,
        connections_per_user=settings.connections_per_user,
        connections_per_address=settings.connections_per_address,
        tls=access.tls,
    )
    return Server(desk, Targets(voice), feed, Previews(bank.whole), gate)


class _Sight:
    """Where people are, for the feed."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self.users_in = voice.users_in
        self.only_guild = voice.only_guild

    def guild_of(self, user_id: UserId) -> GuildId | None:
        """The guild someone is in voice in, or the bot's only one."""
        return guild_of(Caller(user_id), self._voice)
