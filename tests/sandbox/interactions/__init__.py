"""Commands and interactions, with Nextcord as it is and with requests of our own."""
