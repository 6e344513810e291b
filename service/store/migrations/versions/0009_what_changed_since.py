"""What of an execution has changed since somebody looked is found by an index, and so are the logs of flows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Brings the schema to this revision."""
    op.add_column("execution", sa.Column("rewound", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("taskrun", sa.Column("version", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_task_run_version", "taskrun", ["execution_id", "version"], unique=False)
    for name in ("environment", "namespace", "flow_id"):
        op.add_column("logchunk", sa.Column(name, sa.String(), nullable=False, server_default=sa.text("''")))
    op.execute(
        "UPDATE logchunk SET environment = whose.environment, namespace = whose.namespace, flow_id = whose.flow_id "
        "FROM execution AS whose WHERE whose.id = logchunk.execution_id"
    )
    op.create_index("ix_log_chunk_time", "logchunk", ["environment", "last_time"], unique=False)
    op.create_index("ix_log_chunk_flow", "logchunk", ["environment", "namespace", "flow_id", "last_time"], unique=False)
