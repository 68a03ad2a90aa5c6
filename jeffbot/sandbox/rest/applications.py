"""The application that asks, and how it reaches the gateway (Discord: Resources, Application; Gateway)."""

from ..interactions.applications import Application
from ..world.payloads import Json, user_json
from ..world.values import User
from ..world.world import World
from .call import Call
from .grants import SCOPES

_UNSET: Json = {
    "icon": None,
    "description": "",
    "rpc_origins": [],
    "bot_require_code_grant": False,
    "verify_key": "0" * 64,
    "team": None,
    "hook": True,
    "interactions_endpoint_url": None,
    "role_connections_verification_url": None,
    "event_webhooks_url": None,
    "event_webhooks_status": 1,
    "integration_types_config": {"0": {}},
    "tags": [],
    "type": None,
    "explicit_content_filter": 0,
    "eligible_oauth2_scopes": sorted(SCOPES),
}
_NOT_KEPT = ("flags", "icon", "cover_image")
_PUBLIC = ("id", "name", "icon", "description", "hook", "bot_public", "bot_require_code_grant", "verify_key", "flags")


def get(call: Call) -> Json:
    """Get Current Application, and Get Current Bot Application Information."""
    return whole_json(call.application, call.world)


def change(call: Call) -> Json:
    """Edit Current Application; pictures are taken and not shown."""
    application, changes = call.application, call.body
    if changes.get("flags") is not None:
        application.flags = changes["flags"]
    application.profile |= {name: value for name, value in changes.items() if name not in _NOT_KEPT}
    return whole_json(application, call.world)


def gateway(call: Call) -> Json:
    """Get Gateway."""
    return {"url": call.rooms.gateway.url}


def gateway_bot(call: Call) -> Json:
    """Get Gateway Bot."""
    return call.rooms.gateway.describe(call.application)


def whole_json(application: Application, world: World) -> Json:
    """An application as it sees itself."""
    return _UNSET | {
        "id": str(application.id),
        "name": application.user.name,
        "bot_public": application.bot_public,
        "bot": user_json(application.user),
        "owner": user_json(owner_of(application, world)),
        "flags": application.flags,
        "flags_new": str(application.flags),
        "redirect_uris": application.redirect_uris,
        "approximate_guild_count": sum(1 for _ in world.guilds_of(application.user)),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        **application.profile,
    }


def public_json(application: Application, world: World) -> Json:
    """An application as others see it."""
    whole = whole_json(application, world)
    return {name: whole[name] for name in _PUBLIC}


def owner_of(application: Application, world: World) -> User:
    """Whose application it is."""
    people = (user for user in world.users.values() if not user.bot)
    return application.owner or next(people, application.user)
