"""Files → questions: bank files, question documents, and a linter for both."""
