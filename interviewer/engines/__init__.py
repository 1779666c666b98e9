"""Text from models. Importing this loads no model library."""

from interviewer.engines.load import load_engine
from interviewer.engines.openai_engine import OpenAIEngine
from interviewer.engines.scripted import Reply, ScriptedEngine
from interviewer.engines.transformers_engine import TransformersEngine

__all__ = ["OpenAIEngine", "Reply", "ScriptedEngine", "TransformersEngine", "load_engine"]
