"""A guild's numbers as a picture, as sentences, as files; it brings Pillow, so it is imported in a thread."""

from .picture import HEIGHT, WIDTH, cell, draw
from .tables import to_csv, to_json
from .wording import Sentence, sentences

__all__ = ["HEIGHT", "WIDTH", "Sentence", "cell", "draw", "sentences", "to_csv", "to_json"]
