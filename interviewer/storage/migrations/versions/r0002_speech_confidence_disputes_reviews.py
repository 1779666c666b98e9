"""How answers were spoken, how sure people were of them, disputes of the bank, and the review schedule."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("turns", sa.Column("speech", sa.JSON))
    op.create_table(
        "confidences",
        sa.Column("session_id", sa.String(64), sa.ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("question_id", sa.Text, primary_key=True),
        sa.Column("percent", sa.Integer, nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("session_id", sa.Text),
        sa.Column("question_id", sa.Text, nullable=False),
        sa.Column("key_point_id", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("at", _TIME, nullable=False),
    )
    op.create_index("ix_disputes_status", "disputes", ["status", "at"])
    op.create_table(
        "reviews",
        sa.Column("question_id", sa.Text, primary_key=True),
        sa.Column("key_point_id", sa.Text, primary_key=True),
        sa.Column("card", sa.JSON, nullable=False),
        sa.Column("due", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
    )
    op.create_index("ix_reviews_due", "reviews", ["due"])


def downgrade() -> None:
    op.drop_table("reviews")
    op.drop_table("disputes")
    op.drop_table("confidences")
    op.drop_column("turns", "speech")
