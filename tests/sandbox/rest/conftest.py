"""What the tests of the HTTP API have in common."""

from collections.abc import Callable

import pytest

from jeffbot.sandbox import Permission, Role

from ..conftest import Cave

type Allow = Callable[[Permission], Role]


@pytest.fixture
def allow(cave: Cave) -> Allow:
    """Gives the bot a role with these permissions, above all others."""

    def give(permissions: Permission) -> Role:
        role = cave.guild.add_role("powers", permissions)
        cave.guild.give_role(cave.app.user, role)
        return role

    return give
