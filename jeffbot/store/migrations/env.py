"""Run by Alembic: migrates on the connection that it is given, in the transaction that is open there."""

from alembic import context

from jeffbot.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
