"""Task runs of loops found by their values, what flowables keep, executions that wait, and those that are started over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    standing = sa.text("ended_at IS NULL AND (leaf OR state IN ('PAUSED', 'RETRYING'))")
    with op.batch_alter_table("taskrun", schema=None) as batch_op:
        batch_op.add_column(sa.Column("loop_values", sa.Text(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("keep", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("leaf", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch_op.drop_index("ix_task_run_task")
        batch_op.create_index("ix_task_run_task", ["execution_id", "task_id", "loop_values", "position"], unique=False)
        batch_op.create_index("ix_task_run_parent", ["parent_id"], unique=False, sqlite_where=sa.text("parent_id IS NOT NULL"))
        batch_op.create_index("ix_task_run_standing", ["execution_id", "state", "position"], unique=False, sqlite_where=standing)
    op.execute("UPDATE taskrun SET leaf = 0 WHERE ended_at IS NULL AND id IN (SELECT parent_id FROM taskrun WHERE parent_id IS NOT NULL)")
    with op.batch_alter_table("execution", schema=None) as batch_op:
        batch_op.add_column(sa.Column("waited", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("original_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("first_created_at", sa.Float(), nullable=True))
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.alter_column("task_run_id", existing_type=sa.String(), nullable=True)
