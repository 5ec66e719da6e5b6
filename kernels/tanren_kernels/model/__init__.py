"""The model, its weights and its files."""
