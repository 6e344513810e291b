"""What executions give back, when they begin, what they have broken, what goes on after their end; and the line of those that wait under a limit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    with op.batch_alter_table("execution", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outputs", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("scheduled_at", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("joined_at", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("breached", sa.Text(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("trailing", sa.Boolean(), nullable=False, server_default=sa.false()))
    # Those that wait for a timer, to take over from another one, are in no line.
    op.execute("UPDATE execution SET joined_at = created_at WHERE state = 'CREATED' AND id NOT IN (SELECT execution_id FROM timer)")
    with op.batch_alter_table("execution", schema=None) as batch_op:
        line = sa.text("state IN ('CREATED', 'QUEUED', 'RESTARTED') AND joined_at IS NOT NULL")
        batch_op.create_index("ix_execution_line", ["flow", "joined_at", "id"], unique=False, sqlite_where=line)
