"""The tokenizer of a checkpoint: read from all files that say something, written as transformers does.

`reader.py` is the way in; `files.py` finds the files, `classes.py` knows the classes of transformers, `backend.py`
reads a `tokenizer.json`, `added.py` the tokens that are found in texts, and `writer.py` writes the three files.
"""
