"""Guilds and the voice regions (Discord: Resources, Guild; Voice)."""

from ..world.payloads import Json, guild_json
from ..world.permissions import Permission
from .call import Call
from .forms.fields import Choice, Deprecated, Flag, Snowflake, Text, Whole
from .forms.formats import ImageData
from .schema import Form, ListOf, NotNull
from .users import counts

_PICTURES = ("icon", "splash", "discovery_splash", "banner")
QUERY = Form(with_counts=Flag())
FORM = Form(
    name=NotNull(Text(2, 100)),
    region=Deprecated(Text(), "voice channels have a region of their own"),
    verification_level=Choice(0, 1, 2, 3, 4),
    default_message_notifications=Choice(0, 1),
    explicit_content_filter=Choice(0, 1, 2),
    afk_channel_id=Snowflake(),
    afk_timeout=Choice(60, 300, 900, 1800, 3600),
    **dict.fromkeys(_PICTURES, ImageData()),
    system_channel_id=Snowflake(),
    system_channel_flags=Whole(0, 2**31 - 1),
    rules_channel_id=Snowflake(),
    public_updates_channel_id=Snowflake(),
    safety_alerts_channel_id=Snowflake(),
    preferred_locale=Text(),
    features=ListOf(Text(), unique=True),
    description=Text(0, 300),
    premium_progress_bar_enabled=Flag(),
)
"""Modify Guild; lengths: OpenAPI document."""
_REGIONS = {
    "brazil": "Brazil",
    "hongkong": "Hong Kong",
    "india": "India",
    "japan": "Japan",
    "rotterdam": "Rotterdam",
    "singapore": "Singapore",
    "south-korea": "South Korea",
    "southafrica": "South Africa",
    "sydney": "Sydney",
    "us-central": "US Central",
    "us-east": "US East",
    "us-south": "US South",
    "us-west": "US West",
}


def get(call: Call) -> Json:
    """Get Guild."""
    guild = call.guild()
    return guild_json(guild) | (counts(guild) if call.query.get("with_counts") else {})


def change(call: Call) -> Json:
    """Modify Guild; pictures are taken and not shown."""
    guild = call.guild()
    call.need(Permission.MANAGE_GUILD, guild)
    guild.change(**{name: value for name, value in call.body.items() if name not in (*_PICTURES, "region")})
    return guild_json(guild)


def regions(_: Call) -> list[Json]:
    """List Voice Regions, and Get Guild Voice Regions."""
    return [
        {"id": region, "name": name, "optimal": region == "us-central", "deprecated": False, "custom": False}
        for region, name in _REGIONS.items()
    ]


def guild_regions(call: Call) -> list[Json]:
    """Get Guild Voice Regions."""
    call.guild()
    return regions(call)
