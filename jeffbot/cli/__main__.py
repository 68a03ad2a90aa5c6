"""``python -m jeffbot.cli``."""

from . import main

main()
