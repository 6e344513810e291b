"""Jobs that share a folder, and who may claim which job."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("folder", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("lane", sa.String(), nullable=False, server_default="any"))
        batch_op.add_column(sa.Column("opened", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.drop_index("ix_job_state")
        batch_op.create_index("ix_job_state", ["state", "lane", "id"], unique=False)
