"""How alembic reaches the studio's database: through the connection that `danqing.store.database` hands it."""

from alembic import context

from danqing.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller holds the transaction
)
context.run_migrations()
