"""The local Discord, tried with Nextcord as it is and with clients of our own that misbehave."""
