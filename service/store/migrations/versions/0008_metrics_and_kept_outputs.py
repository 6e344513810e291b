"""Metrics, and outputs that are kept for the next run of the same task."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    op.create_table(
        "metric",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("flow_id", sa.String(), nullable=False),
        sa.Column("task_id", sa.String(), nullable=False),
        sa.Column("task_run_id", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("metric", schema=None) as batch_op:
        batch_op.create_index("ix_metric_execution", ["execution_id", "id"], unique=False)
        batch_op.create_index("ix_metric_flow", ["environment", "namespace", "flow_id", "name", "at"], unique=False)
        batch_op.create_index("ix_metric_task", ["environment", "namespace", "flow_id", "task_id", "name", "at"], unique=False)
    op.create_table(
        "cached_outputs",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("execution_id", sa.String(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("cached_outputs", schema=None) as batch_op:
        batch_op.create_index("ix_cached_outputs_expires", ["expires_at"], unique=False)
        batch_op.create_index("ix_cached_outputs_execution", ["execution_id"], unique=False)
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cache_key", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("cache_ttl", sa.Float(), nullable=True))
