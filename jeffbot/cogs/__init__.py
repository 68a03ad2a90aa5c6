"""The Nextcord extensions of this package; packages with which their import would fail are refused beforehand."""

from jeffbot.host import check_packages

check_packages()
