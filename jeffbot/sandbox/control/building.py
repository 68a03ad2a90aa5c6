"""Verbs that make the world: applications, people, guilds and what is in them."""

from typing import Literal

from ..gateway.intents import NO_INTENTS, Intents, flags_of
from ..interactions.applications import Application
from ..people import Person
from ..world.guild import Guild
from ..world.payloads import channel_json, member_json, role_json, user_json
from ..world.permissions import NO_PERMISSIONS, Permission
from ..world.values import Channel, ChannelType, Member, Role, User
from .arguments import Address, Count, Grantee, Name, Snowflake
from .control import Control
from .refusals import RefusedError, not_there
from .views import Json, application_view, guild_view

_KINDS = {"text": ChannelType.TEXT, "voice": ChannelType.VOICE, "stage": ChannelType.STAGE}


def add_application(
    control: Control,
    name: Name,
    privileged: Intents = NO_INTENTS,
    redirect_uris: tuple[Address, ...] = (),
    *,
    public_client: bool = False,
) -> Json:
    """Make an application with a bot, which may use the privileged intents that are named.

    People who sign in to it (OAuth2) are sent to one of redirect_uris; a public_client needs no secret.

    Returns:
        Its id, which is its bot's, too; the token to log in with; client_secret for OAuth2.
    """
    application = control.discord.add_application(
        name, privileged=privileged, redirect_uris=redirect_uris, public_client=public_client
    )
    return application_view(application)


def set_application(
    application: Application,
    privileged: Intents | None = None,
    redirect_uris: tuple[Address, ...] | None = None,
    *,
    public_client: bool | None = None,
    bot_public: bool | None = None,
    owner: Person | None = None,
) -> Json:
    """Set what its owner sets of an application; what is left out stays as it is.

    Everybody may let the bot of one that is bot_public into their guilds, else only the owner.

    Returns:
        As of add_application.
    """
    if privileged is not None:
        application.flags = flags_of(privileged)
    if redirect_uris is not None:
        application.redirect_uris = list(redirect_uris)
    if public_client is not None:
        application.public_client = public_client
    if bot_public is not None:
        application.bot_public = bot_public
    application.owner = owner or application.owner
    return application_view(application)


def add_user(control: Control, name: Name, id: Snowflake | None = None) -> Json:  # noqa: A002 - the field's word
    """Make a person, with an id of your own if you like.

    Returns:
        Discord's user object.
    """
    number = None if id is None else int(id)
    if number in control.discord.world.users:
        raise RefusedError(409, "taken", f"there is a user {id}", "leave id out, and one is made")
    return user_json(control.discord.add_user(name, id=number))


def add_guild(
    control: Control,
    name: Name,
    members: tuple[Person, ...] = (),
    applications: tuple[Application, ...] = (),
    owner: Person | None = None,
) -> Json:
    """Make a guild with a text channel; without an owner it has one of its own, a member as all owners are.

    Returns:
        Discord's guild object as in GUILD_CREATE.
    """
    return guild_view(control.discord.add_guild(name, members=members, applications=applications, owner=owner))


def add_channel(
    guild: Guild,
    name: Name,
    kind: Literal["text", "voice", "stage"],
    user_limit: Count = 0,
    denied: Permission = NO_PERMISSIONS,
) -> Json:
    """Add a channel that user_limit may be in (0: any number), without the denied permissions for @everyone.

    Returns:
        Discord's channel object.
    """
    return channel_json(guild.add_channel(name, _KINDS[kind], user_limit=user_limit, denied=denied))


def remove_channel(channel: Channel) -> None:
    """Delete a channel; who is in it is out of voice, bots with close code 4022."""
    channel.guild.remove_channel(channel)


def overwrite(
    channel: Channel, target: Grantee, allow: Permission = NO_PERMISSIONS, deny: Permission = NO_PERMISSIONS
) -> Json:
    """Allow and deny permissions to a role or a member in a channel, in place of what was said before.

    Returns:
        Discord's channel object.
    """
    if isinstance(target, Role):
        role_of(channel.guild, target)
    channel.guild.overwrite(channel, target, allow=allow, deny=deny)
    return channel_json(channel)


def add_role(guild: Guild, name: Name, permissions: Permission = NO_PERMISSIONS) -> Json:
    """Add a role.

    Returns:
        Discord's role object.
    """
    role = guild.add_role(name, permissions)
    return role_json(role, guild.roles.index(role))


def give_role(guild: Guild, user: User, role: Role) -> Json:
    """Give a role to a member.

    Returns:
        Discord's member object.
    """
    member = member_of(guild, user)
    if role not in member.roles:
        guild.give_role(user, own_role_of(guild, role))
    return member_json(member)


def take_role(guild: Guild, user: User, role: Role) -> Json:
    """Take a role from a member.

    Returns:
        Discord's member object.
    """
    member = member_of(guild, user)
    guild.take_role(user, own_role_of(guild, role))
    return member_json(member)


def add_member(guild: Guild, user: User, roles: tuple[Role, ...] = ()) -> Json:
    """Let a person or a bot into a guild.

    Returns:
        Discord's member object.
    """
    if user.id in guild.members:
        raise RefusedError(409, "taken", f"{user.name} is in {guild.name} already", "give_role gives roles")
    if user.id in guild.bans:
        raise RefusedError(409, "banned", f"{user.name} is banned from {guild.name}", "unban takes the ban back")
    given = dict.fromkeys(own_role_of(guild, role) for role in roles)
    return member_json(guild.add_member(user, roles=tuple(given)))


def remove_member(guild: Guild, user: User) -> None:
    """A person or a bot leaves a guild, or is kicked; out of voice, too."""
    member_of(guild, user)
    guild.remove_member(user)


def ban(guild: Guild, user: User, reason: str | None = None) -> None:
    """Ban a person or a bot from a guild."""
    guild.ban(user, reason)


def unban(guild: Guild, user: User) -> None:
    """Take a ban back."""
    if user.id not in guild.bans:
        raise not_there(f"{user.name} is not banned from {guild.name}")
    guild.unban(user)


def member_of(guild: Guild, user: User) -> Member:
    """A member.

    Raises:
        RefusedError: They are none.
    """
    if member := guild.members.get(user.id):
        return member
    raise not_there(f"{user.name} is no member of {guild.name}")


def role_of(guild: Guild, role: Role) -> Role:
    """A role of a guild.

    Raises:
        RefusedError: It has no such role.
    """
    if role in guild.roles:
        return role
    raise not_there(f"{guild.name} has no role {role.id}")


def own_role_of(guild: Guild, role: Role) -> Role:
    """A role of a guild that members have or have not.

    Raises:
        RefusedError: It has no such role, or all members have it.
    """
    if role_of(guild, role) is guild.everyone:
        raise RefusedError(409, "not_allowed", "all members have the role @everyone, always", "name another role")
    return role
