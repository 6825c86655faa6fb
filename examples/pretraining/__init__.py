"""Examples of pretraining from a text, for run_pretraining.py: documents, pairs of segments, masked tokens."""
