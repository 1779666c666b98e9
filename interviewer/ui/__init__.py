"""The browser interview: Gradio pages, one per interface language, behind one small FastAPI application."""
