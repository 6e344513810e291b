"""The KV store, and the outputs of a task found without reading those of all others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    op.create_table(
        "key_value",
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("environment", "namespace", "key"),
    )
    with op.batch_alter_table("key_value", schema=None) as batch_op:
        batch_op.create_index("ix_key_value_expires", ["expires_at"], unique=False)

    with op.batch_alter_table("taskrun", schema=None) as batch_op:
        batch_op.create_index("ix_task_run_task", ["execution_id", "task_id", "position"], unique=False)
