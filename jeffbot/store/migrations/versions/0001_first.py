"""The first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_THERE = sa.text("missing_since IS NULL AND deleted_at IS NULL")
_MISSING = sa.text("missing_since IS NOT NULL")
_TABLES = "plays", "favourites", "entrances", "sounds", "revocations", "revision", "people", "guild_settings", "audit"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("token_id", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text()),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_user_id", "audit", ["user_id"])
    op.create_table(
        "guild_settings",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("guild_id", name="pk_guild_settings"),
    )
    op.create_table(
        "people",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("counted", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("greeted", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_people"),
    )
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revision"),
    )
    op.create_table(
        "revocations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.Text()),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("revoked_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revocations"),
    )
    op.create_table(
        "sounds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(length=64)),
        sa.Column("length", sa.Float()),
        sa.Column("loudness", sa.Float()),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("aliases", sa.Text(), server_default="", nullable=False),
        sa.Column("emoji", sa.Text(), server_default="", nullable=False),
        sa.Column("colour", sa.Integer()),
        sa.Column("tags", sa.Text(), server_default="", nullable=False),
        sa.Column("gain", sa.Float(), server_default="0", nullable=False),
        sa.Column("trim_start", sa.Float(), server_default="0", nullable=False),
        sa.Column("trim_end", sa.Float()),
        sa.Column("retrigger", sa.Text()),
        sa.Column("uploader_id", sa.BigInteger()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("plays", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_played_at", sa.Float()),
        sa.Column("last_played_at", sa.Float()),
        sa.Column("missing_since", sa.Float()),
        sa.Column("deleted_at", sa.Float()),
        sa.Column("merged_into", sa.Integer()),
        sa.Column("native_id", sa.BigInteger()),
        sa.ForeignKeyConstraint(["merged_into"], ["sounds.id"], name="fk_sounds_merged_into"),
        sa.PrimaryKeyConstraint("id", name="pk_sounds"),
    )
    op.create_index("ix_sounds_content_hash", "sounds", ["content_hash"])
    op.create_index("ix_sounds_missing", "sounds", ["size"], sqlite_where=_MISSING, postgresql_where=_MISSING)
    op.create_index(
        "ix_sounds_missing_place",
        "sounds",
        ["guild_id", "path"],
        sqlite_where=_MISSING,
        postgresql_where=_MISSING,
    )
    op.create_index(
        "ix_sounds_there", "sounds", ["guild_id", "path"], unique=True, sqlite_where=_THERE, postgresql_where=_THERE
    )
    op.create_table(
        "entrances",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audience", sa.String(length=8), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("moment", sa.String(length=8), nullable=False),
        sa.Column("sound_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["sound_id"], ["sounds.id"], name="fk_entrances_sound_id"),
        sa.PrimaryKeyConstraint("guild_id", "audience", "subject_id", "moment", name="pk_entrances"),
    )
    op.create_table(
        "favourites",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sound_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["sound_id"], ["sounds.id"], name="fk_favourites_sound_id"),
        sa.PrimaryKeyConstraint("user_id", "sound_id", name="pk_favourites"),
    )
    op.create_table(
        "plays",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sound_id", sa.Integer(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger()),
        sa.Column("played_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["sound_id"], ["sounds.id"], name="fk_plays_sound_id"),
        sa.PrimaryKeyConstraint("id", name="pk_plays"),
    )
    op.create_index("ix_plays_guild_id_played_at", "plays", ["guild_id", "played_at"])
    op.create_index("ix_plays_sound_id", "plays", ["sound_id"])
    op.create_index("ix_plays_user_id_played_at", "plays", ["user_id", "played_at"])
    op.execute("INSERT INTO revision (id, value) VALUES (1, 0)")


def downgrade() -> None:
    """Remove them."""
    for table in _TABLES:
        op.drop_table(table)
