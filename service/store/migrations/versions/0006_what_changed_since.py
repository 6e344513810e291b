"""What of an execution has changed since somebody looked is found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    op.add_column("execution", sa.Column("rewound", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("taskrun", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_task_run_version", "taskrun", ["execution_id", "version"], unique=False)
