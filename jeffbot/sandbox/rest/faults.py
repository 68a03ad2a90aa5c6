"""Trouble that a test orders: refused, failed and dropped requests."""

import fnmatch
from dataclasses import dataclass
from typing import Any

TOO_MANY_REQUESTS = 429
_BODIES = {
    500: {"message": "500: Internal Server Error", "code": 0},
    502: {"message": "502: Bad Gateway", "code": 0},
    503: {"message": "503: Service Unavailable", "code": 0},
}


@dataclass
class Fault:
    """What happens to some requests."""

    method: str
    """``*`` for any."""
    path: str
    """Below the API's base; ``*`` stands for anything."""
    status: int | None
    """None: the connection is dropped without an answer."""
    times: int
    """How often it still happens."""
    retry_after: float
    """Seconds; of a 429."""
    is_global: bool
    """A 429 is for all requests of the client."""
    body: Any
    """What is answered in place of Discord's words."""

    @property
    def answer(self) -> Any:
        """The JSON of the answer; a 429's is made where the rate limits are."""
        if self.body is not None or self.status is None:
            return self.body
        return _BODIES.get(self.status, {"message": f"{self.status}: Error", "code": 0})


class Faults(list[Fault]):
    """All trouble that is still to come, in the order in which it was asked for."""

    def take(self, method: str, path: str) -> Fault | None:
        """What happens to this request; None: nothing."""
        for fault in self:
            if fault.method in ("*", method) and fnmatch.fnmatchcase(path, fault.path):
                fault.times -= 1
                if fault.times <= 0:
                    self.remove(fault)
                return fault
        return None
