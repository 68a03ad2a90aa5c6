"""What the sandbox is about: the world of users, guilds and channels. Everything else looks at it or moves it."""
