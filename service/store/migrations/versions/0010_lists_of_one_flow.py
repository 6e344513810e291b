"""The executions of one flow are found by an index also where only the flow's id is asked for."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    op.create_index("ix_execution_named", "execution", ["environment", "kind", "flow_id", "created_at"], unique=False)
