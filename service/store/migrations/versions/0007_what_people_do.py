"""What people do with executions: replays, breakpoints, pauses, answers to what was asked, and files of what was deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    with op.batch_alter_table("execution", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("breakpoints", sa.Text(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("held", sa.Text(), nullable=True))
    standing = sa.text("ended_at IS NULL AND (leaf OR state IN ('PAUSED', 'RETRYING', 'BREAKPOINT'))")
    with op.batch_alter_table("taskrun", schema=None) as batch_op:
        batch_op.drop_index("ix_task_run_standing")
        batch_op.create_index("ix_task_run_standing", ["execution_id", "state", "position"], unique=False, sqlite_where=standing)
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asked", sa.String(), nullable=True))
        batch_op.create_index("ix_event_execution", ["execution_id"], unique=False)
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.create_index("ix_timer_execution", ["execution_id", "task_run_id"], unique=False)
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index("ix_job_execution", ["execution_id"], unique=False)
    op.create_table(
        "reply",
        sa.Column("asked", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("asked", "execution_id"),
    )
    with op.batch_alter_table("reply", schema=None) as batch_op:
        batch_op.create_index("ix_reply_at", ["at"], unique=False)
    op.create_table(
        "leftover",
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("execution_id"),
    )
