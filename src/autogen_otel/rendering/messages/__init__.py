"""Messages of models in the schema of the GenAI conventions."""
