"""The tables. Times are seconds since the epoch, ids of guilds, people and roles are Discord's snowflakes.

All of it is portable SQL. :mod:`.migrations` leads from one version to the next; a test holds both against each other.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

revision = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", BigInteger, nullable=False, server_default="0"),
)
"""One row, which each change of sounds or guilds counts up: so that another process notices."""

sounds = Table(
    "sounds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guild_id", BigInteger, nullable=False, server_default="0"),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("content_hash", String(64)),
    Column("length", Float),
    Column("loudness", Float),
    Column("title", Text, nullable=False, server_default=""),
    Column("aliases", Text, nullable=False, server_default=""),
    Column("emoji", Text, nullable=False, server_default=""),
    Column("colour", Integer),
    Column("tags", Text, nullable=False, server_default=""),
    Column("gain", Float, nullable=False, server_default="0"),
    Column("trim_start", Float, nullable=False, server_default="0"),
    Column("trim_end", Float),
    Column("retrigger", Text),
    Column("uploader_id", BigInteger),
    Column("created_at", Float, nullable=False),
    Column("plays", Integer, nullable=False, server_default="0"),
    Column("first_played_at", Float),
    Column("last_played_at", Float),
    Column("missing_since", Float),
    Column("deleted_at", Float),
    Column("merged_into", Integer, ForeignKey("sounds.id")),
    Column("native_id", BigInteger),
)
"""Every sound there ever was: the file is there unless it is missing or deleted. Aliases and tags are JSON arrays."""

_there = and_(sounds.c.missing_since.is_(None), sounds.c.deleted_at.is_(None))
Index(
    "ix_sounds_there",
    sounds.c.guild_id,
    sounds.c.path,
    unique=True,
    sqlite_where=_there,
    postgresql_where=_there,
)
Index(None, sounds.c.content_hash)
_missing = sounds.c.missing_since.is_not(None)
Index("ix_sounds_missing", sounds.c.size, sqlite_where=_missing, postgresql_where=_missing)
Index("ix_sounds_missing_place", sounds.c.guild_id, sounds.c.path, sqlite_where=_missing, postgresql_where=_missing)

people = Table(
    "people",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("counted", Boolean, nullable=False, server_default=text("true")),
    Column("greeted", Boolean, nullable=False, server_default=text("true")),
)
"""Who opted out of something."""

favourites = Table(
    "favourites",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sound_id", Integer, ForeignKey("sounds.id"), primary_key=True, autoincrement=False),
    Column("created_at", Float, nullable=False),
)

entrances = Table(
    "entrances",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("audience", String(8), primary_key=True),
    Column("subject_id", BigInteger, primary_key=True, autoincrement=False),
    Column("moment", String(8), primary_key=True),
    Column("sound_id", Integer, ForeignKey("sounds.id"), nullable=False),
)

guild_settings = Table(
    "guild_settings",
    metadata,
    Column("guild_id", BigInteger, primary_key=True, autoincrement=False),
    Column("settings", Text, nullable=False),
)
"""A JSON object for each guild that changed something."""

plays = Table(
    "plays",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sound_id", Integer, ForeignKey("sounds.id"), nullable=False, index=True),
    Column("guild_id", BigInteger, nullable=False),
    Column("user_id", BigInteger),
    Column("played_at", Float, nullable=False),
    Index("ix_plays_guild_id_played_at", "guild_id", "played_at"),
    Index("ix_plays_user_id_played_at", "user_id", "played_at"),
)

revocations = Table(
    "revocations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_id", Text),
    Column("user_id", BigInteger),
    Column("revoked_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)
"""Tokens that are good no more: one by its ``jti``, or all of a person made before."""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("user_id", BigInteger, index=True),
    Column("token_id", Text),
    Column("address", Text),
    Column("action", Text, nullable=False),
    Column("target", Text),
    Column("guild_id", BigInteger),
    Column("result", Text, nullable=False),
)
