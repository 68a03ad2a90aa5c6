"""What is kept of sounds, people and guilds, in a database."""
