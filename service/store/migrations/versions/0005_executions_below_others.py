"""Executions that tasks of others have called, their outputs, and which of them are shown in lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    with op.batch_alter_table("execution", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="NORMAL"))
        batch_op.add_column(sa.Column("caller", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("caller_run", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("root_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("serial", sa.Integer(), nullable=True))
        batch_op.drop_index("ix_execution_created")
        batch_op.create_index("ix_execution_shown", ["environment", "kind", "created_at"], unique=False)
        batch_op.create_index("ix_execution_caller", ["caller_run"], unique=False, sqlite_where=sa.text("caller_run IS NOT NULL"))
        batch_op.create_index("ix_execution_root", ["root_id", "serial"], unique=False, sqlite_where=sa.text("root_id IS NOT NULL"))
    with op.batch_alter_table("taskrun", schema=None) as batch_op:
        batch_op.add_column(sa.Column("calls", sa.Integer(), nullable=False, server_default="0"))
