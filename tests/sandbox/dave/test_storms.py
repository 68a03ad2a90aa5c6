"""People and bots come and go while messages are on their way, in any order; then all hear all."""

import random

import pytest

from .clients import Call

USERS = range(1, 9)


def act(call: Call, chance: random.Random, *, trouble: bool) -> None:
    """Something happens in the call, or to a message."""
    here = call.group.user_ids
    away = [user_id for user_id in USERS if user_id not in here]
    dice = chance.random()
    if dice < 0.14 and len(call.bots) < 3:
        call.add_bot(chance.choice(away))
    elif dice < 0.26 and len(call.listeners) < 3:
        call.add_listener(chance.choice(away), delay=chance.choice([0, 0.05]))
    elif dice < 0.4 and here:
        call.remove(chance.choice(here))
    elif dice < 0.48:
        call.clock.advance(chance.choice([0.01, 0.06]))
    elif dice < 0.54 and trouble:
        chance.choice([call.group.downgrade, call.group.upgrade])()
    elif dice < 0.6 and trouble and here:
        chance.choice([call.group.corrupt_next_commit, call.group.corrupt_next_welcome])(chance.choice(here))
    else:
        for _ in range(chance.randrange(1, 8)):
            if steps := call.steps():
                chance.choice(steps)()


def calm_down(call: Call, chance: random.Random) -> None:
    """All that is on its way arrives."""
    for _ in range(10):
        call.settle(chance.choice)
        call.clock.advance(0.1)


@pytest.mark.parametrize("trouble", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_storm(seed: int, trouble: bool) -> None:  # noqa: FBT001 - a case
    """After a storm everyone is in the group, and every listener decrypts every bot's next frame."""
    chance, call = random.Random(seed), Call(patience=60)
    for _ in range(50):
        act(call, chance, trouble=trouble)
    call.group.upgrade()
    calm_down(call, chance)
    for add, group in ((call.add_listener, call.listeners), (call.add_bot, call.bots)):
        if not group:
            add(USERS.stop + len(call.group.user_ids))
    calm_down(call, chance)

    call.assert_encrypted()
    if not trouble:
        assert call.notes == [], "nobody did anything wrong"
    for user_id in call.group.user_ids:
        call.remove(user_id)
    assert call.clock.waiting == 0
