"""Publish a model as one folder for the clients of Hugging Face's files."""
