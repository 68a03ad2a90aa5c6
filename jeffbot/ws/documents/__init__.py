"""The API described for programs and people: AsyncAPI, OpenAPI, and the tables of ``docs/api.md``.

All of it is made of the one action table, the shapes of requests, replies and events, and captured exchanges.
"""
