"""Every form there is, and bodies to fill them with."""

from typing import Any

from jeffbot.sandbox.errors import ApiError
from jeffbot.sandbox.rest.forms import accounts, commands, guilds, interactions, messages, modals, voice
from jeffbot.sandbox.rest.schema import Field, check

type Json = dict[str, Any]

PLAY: Json = {"name": "play", "description": "Plays", "options": [{"type": 3, "name": "sound", "description": "Which"}]}
V2 = 1 << 15
FORMS: dict[str, Field] = {
    "command": commands.COMMAND,
    "guild command": commands.GUILD_COMMAND,
    "commands": commands.COMMANDS,
    "guild commands": commands.GUILD_COMMANDS,
    **{f"command {kind} edit": form for kind, form in commands.COMMAND_EDIT.items()},
    **{f"guild command {kind} edit": form for kind, form in commands.GUILD_COMMAND_EDIT.items()},
    "command permissions": commands.COMMAND_PERMISSIONS,
    "message": messages.MESSAGE_CREATE,
    "message edit": messages.message_edit(),
    "v2 message edit": messages.message_edit(V2, webhook=True),
    "webhook message": messages.WEBHOOK_EXECUTE,
    "follow-up": messages.FOLLOW_UP,
    "bulk delete": messages.BULK_DELETE,
    "webhook": messages.WEBHOOK_CREATE,
    "webhook edit": messages.WEBHOOK_MODIFY,
    **{f"response {kind}": interactions.interaction_response(kind) for kind in interactions.ANSWERS},
    "modal": modals.MODAL,
    "channel": guilds.channel_create(),
    **{f"channel {kind} edit": guilds.channel_modify(kind) for kind in guilds.KINDS},
    "channel positions": guilds.CHANNEL_POSITIONS,
    "overwrite": guilds.OVERWRITE_EDIT,
    "role": guilds.ROLE,
    "role positions": guilds.ROLE_POSITIONS,
    "member": guilds.MEMBER_MODIFY,
    "own member": guilds.CURRENT_MEMBER_MODIFY,
    "ban": guilds.BAN,
    "bans": guilds.BULK_BAN,
    "voice state": voice.VOICE_STATE,
    "own voice state": voice.OWN_VOICE_STATE,
    "voice status": voice.VOICE_STATUS,
    "stage": voice.STAGE_CREATE,
    "stage edit": voice.STAGE_MODIFY,
    "sound": voice.SOUND_CREATE,
    "sound edit": voice.SOUND_MODIFY,
    "sound send": voice.SOUND_SEND,
    "user": accounts.CURRENT_USER_MODIFY,
    "direct messages": accounts.DM_CREATE,
    "application": accounts.APPLICATION_EDIT,
}


def refusals(form: Field, body: Any, files: list[str] | None = None) -> dict[str, str]:
    """Place and short code of all that is wrong with a body."""
    try:
        check(form, body, files or ())
    except ApiError as error:
        if error.code != 50035:
            return {"": str(error.code)}
        return dict(_leaves(error.errors or {}))
    return {}


def _leaves(tree: Json, *path: str) -> list[tuple[str, str]]:
    here = [(".".join(path), error["code"]) for error in tree.get("_errors", ())]
    return here + [leaf for part in tree if part != "_errors" for leaf in _leaves(tree[part], *path, part)]


def option(kind: int = 3, name: str = "sound", **more: Any) -> Json:
    return {"type": kind, "name": name, "description": "Which"} | more


def command(*options: Any, **more: Any) -> Json:
    return {"name": "play", "description": "Plays", "options": list(options)} | more


def choices(count: int, value: Any = "x") -> list[Json]:
    return [{"name": str(number), "value": value} for number in range(count)]


def button(custom_id: str | None = "a", **more: Any) -> Json:
    return {"type": 2, "style": 1, "label": "x", "custom_id": custom_id} | more


def row(*components: Any) -> Json:
    return {"type": 1, "components": list(components)}


def select(count: int = 1, **more: Any) -> Json:
    options = [{"label": str(number), "value": str(number)} for number in range(count)]
    return {"type": 3, "custom_id": "s", "options": options} | more


def text(content: str = "x") -> Json:
    return {"type": 10, "content": content}


def with_components(*components: Any, **more: Any) -> Json:
    return {"components": list(components)} | more


def label(component: Json) -> Json:
    return {"type": 18, "label": "x", "component": component}


def modal(*components: Any, **more: Any) -> Json:
    return {"custom_id": "m", "title": "Title", "components": list(components)} | more


TEXT_INPUT: Json = {"type": 4, "custom_id": "t", "style": 1}
POLL: Json = {"question": {"text": "Which?"}, "answers": [{"poll_media": {"text": "This"}}]}
