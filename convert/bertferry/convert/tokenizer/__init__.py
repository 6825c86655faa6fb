"""The tokenizer of a checkpoint: read from all files that say something, written as transformers does.

`reader.py` is the way in; `files.py` finds the files, `classes.py` knows the classes of transformers,
`backend.py` reads a `tokenizer.json`, `added.py` the tokens that are found in texts, `frames.py` knows what is
put around texts, and `writer.py` writes the three files. Of tokenizers that are not of word pieces,
`other_classes.py` makes what the package `tokenizers` reads: `subwords.py` has their classes, `sentencepiece.py`
reads their models, and `kept.py` keeps the files.
"""
