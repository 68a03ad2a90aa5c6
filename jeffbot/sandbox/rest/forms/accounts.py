"""Users and applications (Resources, User; Application)."""

from ..schema import Form, ListOf, NotNull, OrNull, Place, Required
from .fields import Bits, Choice, MapOf, Permissions, Snowflake, Text
from .formats import ImageData, Url

_LIMITED_INTENTS = 1 << 13 | 1 << 15 | 1 << 19
"""The flags that can be changed (Application, "Edit Current Application")."""
_WEBHOOK_EVENTS = (
    "APPLICATION_AUTHORIZED",
    "APPLICATION_DEAUTHORIZED",
    *(f"ENTITLEMENT_{change}" for change in ("CREATE", "UPDATE", "DELETE")),
    "QUEST_USER_ENROLLMENT",
    *(f"LOBBY_MESSAGE_{change}" for change in ("CREATE", "UPDATE", "DELETE")),
    *(f"GAME_DIRECT_MESSAGE_{change}" for change in ("CREATE", "UPDATE", "DELETE")),
)
"""Webhook Events, "Event Types"."""


def _user_name(name: str, place: Place) -> None:
    """User, "Usernames and Nicknames"."""
    for part in ("@", "#", ":", "```", "discord"):
        if part in name.lower():
            place.refuse("USERNAME_INVALID_CONTAINS", f'Username cannot contain "{part}"')
    if name.lower() in ("everyone", "here"):
        place.refuse("USERNAME_INVALID", f'Username cannot be "{name}"')


CURRENT_USER_MODIFY = Form(username=NotNull(Text(2, 32, _user_name)), avatar=ImageData(), banner=ImageData())
"""User, "Modify Current User"."""
DM_CREATE = Form(recipient_id=Required(Snowflake()))
"""User, "Create DM"."""
_INSTALL = Form(
    scopes=ListOf(Choice("applications.commands", "bot"), 1, unique=True),
    permissions=Permissions(2**54 - 1),
)
"""Application, "Install Params Structure"."""
_HTTPS = Url("https")
_WEB = Url("http", "https")
APPLICATION_EDIT = Form(
    description=Text(0, 400),
    icon=ImageData(),
    cover_image=ImageData(),
    flags=Bits(_LIMITED_INTENTS),
    tags=ListOf(Text(0, 20), 0, 5, unique=True),
    custom_install_url=_WEB,
    install_params=_INSTALL,
    integration_types_config=MapOf(frozenset({"0", "1"}), OrNull(Form(oauth2_install_params=_INSTALL))),
    role_connections_verification_url=_WEB,
    interactions_endpoint_url=_HTTPS,
    event_webhooks_url=_HTTPS,
    event_webhooks_status=Choice(1, 2),
    event_webhooks_types=ListOf(Choice(*_WEBHOOK_EVENTS), unique=True),
)
"""Application, "Edit Current Application"; lengths: OpenAPI document."""
