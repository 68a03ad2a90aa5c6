"""What guilds have set."""

import msgspec
from sqlalchemy import Connection, delete, insert, select

from ..community import GuildSettings
from ..models import GuildId
from .schema import guild_settings


class Guilds:
    """The table of guilds' settings, in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> dict[GuildId, GuildSettings]:
        """The settings of all guilds that changed something."""
        rows = self._connection.execute(select(guild_settings))
        return {GuildId(row.guild_id): msgspec.json.decode(row.settings, type=GuildSettings) for row in rows}

    def set(self, guild_id: GuildId, settings: GuildSettings) -> None:
        """Set them all."""
        self._connection.execute(delete(guild_settings).where(guild_settings.c.guild_id == guild_id))
        encoded = msgspec.json.encode(settings).decode()
        self._connection.execute(insert(guild_settings).values(guild_id=guild_id, settings=encoded))
