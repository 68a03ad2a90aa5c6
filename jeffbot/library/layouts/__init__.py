"""Other soundboards' collections, and our own export, read as sounds with what is known of them.

Cost: O(files of the folder) and O(bytes of the files that say something of them, 8 MiB each). All of it blocks.
"""

from .arrivals import Arrival
from .collection import Collection, Layout, Limits, opened, read, recognise
from .own import Writer
from .source import CollectionError

__all__ = ["Arrival", "Collection", "CollectionError", "Layout", "Limits", "Writer", "opened", "read", "recognise"]
