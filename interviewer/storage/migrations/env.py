"""Alembic's entry point. The store passes its open connection; no ini file is involved."""

from __future__ import annotations

from alembic import context

from interviewer.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
