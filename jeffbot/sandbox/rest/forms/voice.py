"""Voice states, stages and soundboards (Resources, Voice; Stage Instance; Soundboard; Channel)."""

from collections.abc import Mapping
from typing import Any

from ...findings import Kind
from ..schema import Form, NotNull, Place, Required
from .fields import Choice, Flag, Number, Snowflake, Text
from .formats import SoundData, Timestamp

VOICE_STATE = Form(channel_id=Snowflake(), suppress=Flag())
"""Voice, "Modify User Voice State"."""
OWN_VOICE_STATE = VOICE_STATE.extended(request_to_speak_timestamp=Timestamp())
"""Voice, "Modify Current User Voice State"."""
VOICE_STATUS = Form(status=Text(0, 500))
"""Channel, "Set Voice Channel Status"."""


def _public_is_over(stage: Mapping[str, Any], place: Place) -> None:
    """Stage Instance, "Privacy Level"."""
    if stage.get("privacy_level") == 1:
        (place / "privacy_level").note(Kind.DEPRECATED_FIELD, "no stage is public any more")


_PRIVACY = Choice(1, 2)
STAGE_CREATE = Form(
    _public_is_over,
    channel_id=Required(Snowflake()),
    topic=Required(Text(1, 120)),
    privacy_level=_PRIVACY,
    send_start_notification=Flag(),
    guild_scheduled_event_id=Snowflake(),
)
"""Stage Instance, "Create Stage Instance"."""
STAGE_MODIFY = Form(_public_is_over, topic=NotNull(Text(1, 120)), privacy_level=NotNull(_PRIVACY))
"""Stage Instance, "Modify Stage Instance"."""


_NAME = Text(2, 32)
_SOUND = Form(volume=Number(0, 1), emoji_id=Snowflake(), emoji_name=Text(1, 32))
SOUND_CREATE = _SOUND.extended(name=Required(_NAME), sound=Required(SoundData()))
"""Soundboard, "Create Guild Soundboard Sound"; the emoji's length: OpenAPI document."""
SOUND_MODIFY = _SOUND.extended(name=NotNull(_NAME))
"""Soundboard, "Modify Guild Soundboard Sound"."""
SOUND_SEND = Form(sound_id=Required(Snowflake()), source_guild_id=Snowflake())
"""Soundboard, "Send Soundboard Sound"."""
