"""What a bot says of itself (Discord: Gateway Events, "Update Presence"), as the world keeps it."""

import time

from ..world.payloads import Json
from .forms import Activity, PresenceUpdate


def presence_of(update: PresenceUpdate) -> Json:
    """The presence; whoever names no status is online."""
    activities = update.activities or ([update.game] if update.game and update.game.name else [])
    return {"status": update.status or "online", "activities": [_activity_json(each) for each in activities]}


def _activity_json(activity: Activity) -> Json:
    """Discord: Gateway Events, "Activity Object"."""
    payload: Json = {"name": activity.name, "type": activity.type or 0, "created_at": time.time_ns() // 1_000_000}
    optional = {"state": activity.state, "url": activity.url}
    return payload | {field: value for field, value in optional.items() if value is not None}
