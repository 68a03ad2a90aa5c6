"""Channels, overwrites, roles and members (Resources, Channel; Guild). Lengths of lists: OpenAPI document."""

import datetime as dt
from typing import Final

from ..schema import Field, Form, ListOf, NotNull, OneOf, OrNull, Place, Required
from .embeds import COLOUR
from .fields import Bits, Choice, Deprecated, Flag, Ignored, Permissions, Snowflake, Text, Whole
from .formats import ImageData, Timestamp

TEXT, VOICE, CATEGORY, ANNOUNCEMENT, STAGE, FORUM, MEDIA = KINDS = (0, 2, 4, 5, 13, 15, 16)
"""Channels that can be made ("Channel Types")."""
BITRATE, STAGE_BITRATE = 96_000, 64_000
"""The most, in bit/s, that a guild without boosts gives, and that a stage can have (Channel, "Modify Channel")."""
LONGEST_TIMEOUT: Final = dt.timedelta(days=28)
"""Guild, "Modify Guild Member"."""
_BYPASSES_VERIFICATION = 1 << 2
"""The one editable flag (Guild, "Guild Member Flags")."""

# Channels

OVERWRITE = Form(id=Required(Snowflake()), type=Choice(0, 1), allow=Permissions(), deny=Permissions())
"""Channel, "Overwrite Structure"."""
OVERWRITE_EDIT = Form(id=Ignored(), type=Choice(0, 1), allow=Permissions(), deny=Permissions())
"""Channel, "Edit Channel Permissions"."""
_SLOWMODE = Whole(0, 21_600)
_REACTION: dict[str, Field] = {"emoji_id": Snowflake(), "emoji_name": Text(0, 100)}
_TAG = Form(id=Snowflake(), name=Required(Text(0, 50)), moderated=Flag(), **_REACTION)
_CHANNEL = Form(
    position=Whole(0, 2**31 - 1),
    topic=Text(0, 1024),
    nsfw=Flag(),
    rate_limit_per_user=_SLOWMODE,
    bitrate=Whole(8000, BITRATE),
    user_limit=Whole(0, 99),
    permission_overwrites=ListOf(OVERWRITE, 0, 100),
    parent_id=Snowflake(),
    rtc_region=Text(),
    video_quality_mode=Choice(1, 2),
    default_auto_archive_duration=Choice(60, 1440, 4320, 10080),
    flags=Whole(0),
    available_tags=ListOf(OrNull(_TAG), 0, 20),
    default_reaction_emoji=Form(**_REACTION),
    default_thread_rate_limit_per_user=_SLOWMODE,
    default_sort_order=Choice(0, 1),
    default_forum_layout=Choice(0, 1, 2),
    default_tag_setting=Choice("match_all", "match_some"),
)
"""Channel, "Modify Channel" and Guild, "Create Guild Channel"; what a type does not have does no harm."""


def _channel(kind: int, bitrate: int) -> Form:
    if kind == STAGE:
        return _CHANNEL.extended(bitrate=Whole(8000, STAGE_BITRATE), user_limit=Whole(0, 10_000))
    topic = Text(0, 4096) if kind in (FORUM, MEDIA) else Text(0, 1024)
    return _CHANNEL.extended(bitrate=Whole(8000, bitrate), topic=topic)


def channel_create(bitrate: int = BITRATE) -> OneOf:
    """Create Guild Channel.

    Args:
        bitrate: The most that the guild's boosts give, in bit/s.
    """
    name = Required(Text(1, 100))
    return OneOf("type", {kind: _channel(kind, bitrate).extended(name=name) for kind in KINDS}, TEXT, enum=True)


def channel_modify(kind: int, bitrate: int = BITRATE) -> Form:
    """Modify Channel, of this type.

    Args:
        kind: The channel's type.
        bitrate: The most that the guild's boosts give, in bit/s.
    """
    return _channel(kind, bitrate).extended(name=NotNull(Text(1, 100)), type=Choice(*KINDS))


CHANNEL_POSITIONS = ListOf(
    Form(
        id=Required(Snowflake()),
        position=Whole(0, 2**31 - 1),
        lock_permissions=Flag(),
        parent_id=Snowflake(),
        flags=Whole(0),
    )
)
"""Guild, "Modify Guild Channel Positions"."""


# Roles


ROLE = Form(
    name=Text(1, 100),
    permissions=Permissions(),
    color=Deprecated(COLOUR, "colors has taken its place"),
    colors=Form(primary_color=COLOUR, secondary_color=COLOUR, tertiary_color=COLOUR),
    hoist=Flag(),
    icon=ImageData(),
    unicode_emoji=Text(0, 100),
    mentionable=Flag(),
)
"""Guild, "Create Guild Role" and "Modify Guild Role"."""
ROLE_POSITIONS = ListOf(Form(id=Required(Snowflake()), position=Whole(-(2**31), 2**31 - 1)))
"""Guild, "Modify Guild Role Positions"."""


# Members


def _not_too_long(until: dt.datetime, place: Place) -> None:
    if until > dt.datetime.now(dt.UTC) + LONGEST_TIMEOUT:
        place.refuse("INVALID_COMMUNICATION_DISABLED_TIMESTAMP", "Invalid communication disabled timestamp")


_NICK = Text(0, 32)
_SECONDS = Whole(0, 7 * 24 * 3600)
MEMBER_MODIFY = Form(
    nick=_NICK,
    roles=ListOf(OrNull(Snowflake()), 0, 350, unique=True),
    mute=Flag(),
    deaf=Flag(),
    channel_id=Snowflake(),
    communication_disabled_until=Timestamp(_not_too_long),
    flags=Bits(_BYPASSES_VERIFICATION),
)
"""Guild, "Modify Guild Member"."""
CURRENT_MEMBER_MODIFY = Form(nick=_NICK, banner=ImageData(), avatar=ImageData(), bio=Text(0, 190))
"""Guild, "Modify Current Member" and, of the nick, "Modify Current User Nick"."""
BAN = Form(
    delete_message_days=Deprecated(Whole(0, 7), "delete_message_seconds has taken its place"),
    delete_message_seconds=_SECONDS,
)
"""Guild, "Create Guild Ban"."""
BULK_BAN = Form(user_ids=Required(ListOf(Snowflake(), 0, 200, unique=True)), delete_message_seconds=_SECONDS)
"""Guild, "Bulk Guild Ban"."""
