"""The remote control, as a member is invited to it: where it is, and a token of their own."""

import ipaddress
import time

from jeffbot.app import Soundboard
from jeffbot.errors import SoundboardError
from jeffbot.models import UserId
from jeffbot.settings import Settings
from jeffbot.ws.auth import RENEWABLE
from jeffbot.ws.scopes import Scope

SCOPES = frozenset({Scope.READ, Scope.PLAY, Scope.MANAGE})
"""What a member's token is good for, as far as they may do it themselves."""
REVOKED = (
    "Every token of yours is worthless now, and whoever was connected with one is not any more. "
    "The same command without `revoke` gives you a new one."
)
_HOME = (
    "That is for programs on the bot's own machine; from elsewhere, put the address of that machine, as it is reached "
    "from there, in the place of `localhost`."
)
_KEEP = (
    "Whoever has it acts in your name, so keep it to yourself. Has somebody seen it? This command with `revoke: True` "
    "makes every one of yours worthless."
)


class NotListeningError(SoundboardError):
    """The remote control could not begin."""

    def __init__(self) -> None:
        super().__init__("The remote control is not running; the bot's log says why")


async def invitation(soundboard: Soundboard, settings: Settings, user_id: UserId) -> str:
    """What a member is told: the address, their new token, and how long it is good.

    Raises:
        NotListeningError: There is no remote control.
        UnloadedError: The soundboard is ending.
    """
    tokens = await soundboard.wait_tokens()
    try:
        port = (await soundboard.wait_serving()).port
    except (OSError, UnicodeError):
        raise NotListeningError from None
    token = tokens.make(user_id, scopes=SCOPES, auth_time=time.time())
    ends = int(tokens.check(token).expires_at)
    address, words = address_of(settings, port)
    lines = (
        f"Address: `{address}`",
        words,
        f"Your token: ||`{token}`||",
        f"It is good until <t:{ends}:f>; a client may renew it for {RENEWABLE / 86_400:g} days.",
        _KEEP,
    )
    return "\n".join(line for line in lines if line)


def address_of(settings: Settings, port: int) -> tuple[str, str]:
    """Where the remote control is reached, and what is to be said of that."""
    if settings.public_url:
        return f"ws{settings.public_url.removeprefix('http')}".rstrip("/"), ""
    host, scheme = settings.ws_host, "wss" if settings.tls_cert else "ws"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        named = host not in ("", "localhost")
        return (f"{scheme}://{host}:{port}", "") if named else (f"{scheme}://localhost:{port}", _HOME)
    if address.is_unspecified or address.is_loopback:
        return f"{scheme}://localhost:{port}", _HOME
    return f"{scheme}://{f'[{host}]' if address.version == 6 else host}:{port}", ""
