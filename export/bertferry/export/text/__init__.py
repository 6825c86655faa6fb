"""Text modules: what a tokenizer does to strings, and sentence-transformers to an encoder's outputs, in graphs."""
