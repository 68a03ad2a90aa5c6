"""Write anew what a page has between ``<!-- made: name -->`` and ``<!-- end -->``: ``… docs/api.md``."""

import re
import sys
from pathlib import Path

from .reference import BLOCKS

_BLOCK = re.compile(r"(<!-- made: ([\w-]+)(?: ([\w.-]+))? -->\n).*?(<!-- end -->)", re.DOTALL)


def renewed(page: str) -> str:
    """The page as it should be.

    Raises:
        KeyError: It asks for what is not made.
    """

    def make(found: re.Match[str]) -> str:
        begin, name, about, end = found.groups()
        return f"{begin}\n{BLOCKS[name](*filter(None, [about]))}\n\n{end}"

    return _BLOCK.sub(make, page)


if __name__ == "__main__":
    for file in map(Path, sys.argv[1:]):
        file.write_text(renewed(file.read_text("utf-8")), "utf-8")
