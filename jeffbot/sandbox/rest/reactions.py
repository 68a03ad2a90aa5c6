"""Reactions to messages (Discord: Resources, Message)."""

from ..world.payloads import Json, user_json
from ..world.permissions import Permission
from ..world.values import User
from .call import Call
from .forms.fields import Choice, Snowflake, Whole
from .forms.formats import is_emoji
from .refusals import TOO_MANY_REACTIONS, UNKNOWN_EMOJI
from .schema import Form

QUERY = Form(type=Choice(0, 1), after=Snowflake(), limit=Whole(1, 100))
MOST_REACTIONS = 20
"""Different ones to a message (error 30010)."""


def add(call: Call) -> None:
    """Create Reaction; ADD_REACTIONS is needed where nobody has reacted like this."""
    message, emoji = call.message(), _emoji(call)
    if emoji not in message.reactions:
        call.need(Permission.ADD_REACTIONS, message.place)
        if len(message.reactions) >= MOST_REACTIONS:
            raise TOO_MANY_REACTIONS.error()
    call.world.react(message, call.user, emoji, added=True)


def remove_own(call: Call) -> None:
    """Delete Own Reaction."""
    _remove(call, call.user)


def remove_other(call: Call) -> None:
    """Delete User Reaction."""
    user = call.find_user(call.id("user_id"))
    if user is not call.user:
        call.need(Permission.MANAGE_MESSAGES, call.place())
    _remove(call, user)


def _remove(call: Call, user: User) -> None:
    message, emoji = call.message(), _emoji(call)
    if user in message.reactions.get(emoji, ()):
        call.world.react(message, user, emoji, added=False)


def users(call: Call) -> list[Json]:
    """Get Reactions, by user id; nobody here has super reactions."""
    message, emoji = call.message(), _emoji(call)
    found = [] if call.query.get("type") else message.reactions.get(emoji, [])
    after = int(call.query.get("after") or 0)
    later = sorted((user for user in found if user.id > after), key=lambda user: user.id)
    return [user_json(user) for user in later[: call.query.get("limit") or 25]]


def clear(call: Call) -> None:
    """Delete All Reactions, or all for an emoji."""
    message = call.message()
    call.need(Permission.MANAGE_MESSAGES, message.place)
    call.world.clear_reactions(message, _emoji(call) if "emoji" in call.path else None)


def _emoji(call: Call) -> str:
    """The emoji of the path."""
    if is_emoji(emoji := call.path["emoji"]):
        return emoji
    raise UNKNOWN_EMOJI.error()
