"""One answer against its key points: a verdict, a probability and verbatim evidence for each, a score with a band."""

from interviewer.grading.batch import grade_rows
from interviewer.grading.builtin import BuiltinGrader
from interviewer.grading.derive import points_from_reference, question_from_row
from interviewer.grading.model import ModelGrader

__all__ = ["BuiltinGrader", "ModelGrader", "grade_rows", "points_from_reference", "question_from_row"]
