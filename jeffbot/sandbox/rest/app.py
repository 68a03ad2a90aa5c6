"""The HTTP API, version 10: all routes there are, by topic, in the words of Discord's documentation."""

from . import (
    applications,
    bans,
    channels,
    commands,
    guilds,
    members,
    messages,
    oauth2,
    pins,
    reactions,
    roles,
    soundboard,
    stages,
    users,
    voice,
    webhooks,
)
from .forms import accounts as account_forms
from .forms import commands as command_forms
from .forms import guilds as guild_forms
from .forms import messages as message_forms
from .forms import voice as voice_forms
from .serving import ANYONE, Route, bot_or, only

_COMMANDS = "/applications/{application_id}/commands"
_GUILD_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"
_GUILD = "/guilds/{guild_id}"
_MEMBER = "/guilds/{guild_id}/members/{user_id}"
_BAN = "/guilds/{guild_id}/bans/{user_id}"
_ROLE = "/guilds/{guild_id}/roles/{role_id}"
_VOICE = "/guilds/{guild_id}/voice-states"
_SOUND = "/guilds/{guild_id}/soundboard-sounds/{sound_id}"
_CHANNEL = "/channels/{channel_id}"
_MESSAGES = "/channels/{channel_id}/messages"
_MESSAGE = "/channels/{channel_id}/messages/{message_id}"
_REACTION = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}"
_OVERWRITE = "/channels/{channel_id}/permissions/{overwrite_id}"
_STAGE = "/stage-instances/{channel_id}"
_WEBHOOK = "/webhooks/{webhook_id}/{webhook_token}"
_ANSWER = "/webhooks/{webhook_id}/{webhook_token}/messages/{message}"
_CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"

_UPDATE = bot_or("applications.commands.update")
_PERMISSIONS = bot_or("applications.commands.permissions.update")

ROUTES = (
    # Users
    Route("GET", "/users/@me", users.me, access=bot_or("identify")),
    Route("PATCH", "/users/@me", users.change_me, account_forms.CURRENT_USER_MODIFY),
    Route("GET", "/users/@me/guilds", users.guilds, query=users.GUILDS_QUERY, access=bot_or("guilds")),
    Route("GET", "/users/@me/guilds/{guild_id}/member", users.own_member, access=only("guilds.members.read")),
    Route("DELETE", "/users/@me/guilds/{guild_id}", users.leave),
    Route("POST", "/users/@me/channels", users.open_direct, account_forms.DM_CREATE),
    Route("GET", "/users/@me/connections", users.connections, access=only("connections")),
    Route("GET", "/users/{user_id}", users.get),
    # Applications and the gateway
    Route("GET", "/applications/@me", applications.get),
    Route("PATCH", "/applications/@me", applications.change, account_forms.APPLICATION_EDIT),
    Route("GET", "/gateway", applications.gateway, access=ANYONE),
    Route("GET", "/gateway/bot", applications.gateway_bot),
    # OAuth2
    Route("GET", "/oauth2/applications/@me", applications.get),
    Route("GET", "/oauth2/@me", oauth2.current, access=only("")),
    Route("POST", "/oauth2/token", oauth2.token, oauth2.Fields(), access=ANYONE, read=oauth2.read_fields),
    Route("POST", "/oauth2/token/revoke", oauth2.revoke, oauth2.Fields(), access=ANYONE, read=oauth2.read_fields),
    # Application commands
    Route("GET", _COMMANDS, commands.everything, query=commands.LIST_QUERY, access=_UPDATE),
    Route("POST", _COMMANDS, commands.make, command_forms.COMMAND, access=_UPDATE),
    Route("PUT", _COMMANDS, commands.replace, command_forms.COMMANDS, access=_UPDATE),
    Route("GET", _COMMANDS + "/{command_id}", commands.get, access=_UPDATE),
    Route("PATCH", _COMMANDS + "/{command_id}", commands.change, commands.form_of_change, access=_UPDATE),
    Route("DELETE", _COMMANDS + "/{command_id}", commands.remove, access=_UPDATE),
    Route("GET", _GUILD_COMMANDS, commands.everything, query=commands.LIST_QUERY, access=_UPDATE),
    Route("POST", _GUILD_COMMANDS, commands.make, command_forms.GUILD_COMMAND, access=_UPDATE),
    Route("PUT", _GUILD_COMMANDS, commands.replace, command_forms.GUILD_COMMANDS, access=_UPDATE),
    Route("GET", _GUILD_COMMANDS + "/permissions", commands.all_permissions, access=_PERMISSIONS),
    Route("GET", _GUILD_COMMANDS + "/{command_id}", commands.get, access=_UPDATE),
    Route("PATCH", _GUILD_COMMANDS + "/{command_id}", commands.change, commands.form_of_change, access=_UPDATE),
    Route("DELETE", _GUILD_COMMANDS + "/{command_id}", commands.remove, access=_UPDATE),
    Route("GET", _GUILD_COMMANDS + "/{command_id}/permissions", commands.permissions, access=_PERMISSIONS),
    Route(
        "PUT",
        _GUILD_COMMANDS + "/{command_id}/permissions",
        commands.set_permissions,
        command_forms.COMMAND_PERMISSIONS,
        access=_PERMISSIONS,
    ),
    # Answers to interactions
    Route("POST", _CALLBACK, webhooks.answer, webhooks.form_of_answer, webhooks.QUERY, ANYONE),
    Route("POST", _WEBHOOK, webhooks.follow_up, message_forms.FOLLOW_UP, access=ANYONE),
    Route("GET", _ANSWER, webhooks.get, access=ANYONE),
    Route("PATCH", _ANSWER, webhooks.edit, webhooks.form_of_edit, access=ANYONE),
    Route("DELETE", _ANSWER, webhooks.remove, access=ANYONE),
    # Guilds
    Route("GET", _GUILD, guilds.get, query=guilds.QUERY),
    Route("PATCH", _GUILD, guilds.change, guilds.FORM),
    Route("GET", _GUILD + "/regions", guilds.guild_regions),
    Route("GET", "/voice/regions", guilds.regions),
    # Members and bans
    Route("GET", _GUILD + "/members", members.everyone, query=members.LIST_QUERY),
    Route("GET", _GUILD + "/members/search", members.search, query=members.SEARCH_QUERY),
    Route("PATCH", _GUILD + "/members/@me", members.change_me, guild_forms.CURRENT_MEMBER_MODIFY),
    Route("PATCH", _GUILD + "/members/@me/nick", members.change_my_nick, guild_forms.CURRENT_MEMBER_MODIFY),
    Route("GET", _MEMBER, members.get),
    Route("PUT", _MEMBER, members.join, members.JOIN_FORM),
    Route("PATCH", _MEMBER, members.change, guild_forms.MEMBER_MODIFY),
    Route("DELETE", _MEMBER, members.kick),
    Route("PUT", _MEMBER + "/roles/{role_id}", members.give_role),
    Route("DELETE", _MEMBER + "/roles/{role_id}", members.take_role),
    Route("GET", _GUILD + "/bans", bans.everything, query=bans.QUERY),
    Route("GET", _BAN, bans.get),
    Route("PUT", _BAN, bans.add, guild_forms.BAN),
    Route("DELETE", _BAN, bans.remove),
    Route("POST", _GUILD + "/bulk-ban", bans.add_many, guild_forms.BULK_BAN),
    # Roles
    Route("GET", _GUILD + "/roles", roles.everything),
    Route("GET", _GUILD + "/roles/member-counts", roles.counts),
    Route("POST", _GUILD + "/roles", roles.make, guild_forms.ROLE),
    Route("PATCH", _GUILD + "/roles", roles.move, guild_forms.ROLE_POSITIONS),
    Route("GET", _ROLE, roles.get),
    Route("PATCH", _ROLE, roles.change, guild_forms.ROLE),
    Route("DELETE", _ROLE, roles.remove),
    # Channels
    Route("GET", _GUILD + "/channels", channels.of_guild),
    Route("POST", _GUILD + "/channels", channels.make, guild_forms.channel_create()),
    Route("PATCH", _GUILD + "/channels", channels.move, guild_forms.CHANNEL_POSITIONS),
    Route("GET", _CHANNEL, channels.get),
    Route("PATCH", _CHANNEL, channels.change, channels.form_of_change),
    Route("DELETE", _CHANNEL, channels.remove),
    Route("PUT", _OVERWRITE, channels.overwrite, guild_forms.OVERWRITE_EDIT),
    Route("DELETE", _OVERWRITE, channels.remove_overwrite),
    Route("POST", _CHANNEL + "/typing", channels.type_in),
    Route("PUT", _CHANNEL + "/voice-status", voice.set_status, voice_forms.VOICE_STATUS),
    # Messages
    Route("GET", _MESSAGES, messages.everything, query=messages.LIST_QUERY),
    Route("POST", _MESSAGES, messages.send, message_forms.MESSAGE_CREATE),
    Route("POST", _MESSAGES + "/bulk-delete", messages.remove_many, message_forms.BULK_DELETE),
    Route("GET", _MESSAGES + "/pins", pins.everything, query=pins.QUERY),
    Route("PUT", _MESSAGES + "/pins/{message_id}", pins.pin),
    Route("DELETE", _MESSAGES + "/pins/{message_id}", pins.unpin),
    Route("GET", _CHANNEL + "/pins", pins.first),
    Route("PUT", _CHANNEL + "/pins/{message_id}", pins.pin),
    Route("DELETE", _CHANNEL + "/pins/{message_id}", pins.unpin),
    Route("GET", _MESSAGE, messages.get),
    Route("PATCH", _MESSAGE, messages.edit, messages.form_of_edit),
    Route("DELETE", _MESSAGE, messages.remove),
    Route("PUT", _REACTION + "/@me", reactions.add),
    Route("DELETE", _REACTION + "/@me", reactions.remove_own),
    Route("DELETE", _REACTION + "/{user_id}", reactions.remove_other),
    Route("GET", _REACTION, reactions.users, query=reactions.QUERY),
    Route("DELETE", _REACTION, reactions.clear),
    Route("DELETE", _MESSAGE + "/reactions", reactions.clear),
    # Voice states
    Route("GET", _VOICE + "/@me", voice.mine),
    Route("PATCH", _VOICE + "/@me", voice.change_mine, voice_forms.OWN_VOICE_STATE),
    Route("GET", _VOICE + "/{user_id}", voice.get),
    Route("PATCH", _VOICE + "/{user_id}", voice.change, voice_forms.VOICE_STATE),
    # Stages
    Route("POST", "/stage-instances", stages.open_stage, voice_forms.STAGE_CREATE),
    Route("GET", _STAGE, stages.get),
    Route("PATCH", _STAGE, stages.change, voice_forms.STAGE_MODIFY),
    Route("DELETE", _STAGE, stages.close),
    # Discord's own soundboard
    Route("GET", "/soundboard-default-sounds", soundboard.defaults),
    Route("GET", _GUILD + "/soundboard-sounds", soundboard.everything),
    Route("POST", _GUILD + "/soundboard-sounds", soundboard.make, voice_forms.SOUND_CREATE),
    Route("GET", _SOUND, soundboard.get),
    Route("PATCH", _SOUND, soundboard.change, voice_forms.SOUND_MODIFY),
    Route("DELETE", _SOUND, soundboard.remove),
    Route("POST", _CHANNEL + "/send-soundboard-sound", soundboard.send, voice_forms.SOUND_SEND),
)
