"""A tokenizer as the package tokenizers builds it, independently of bertferry's own files."""

from dataclasses import replace
from itertools import product

import numpy as np
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SETTINGS = tuple(product((True, False), (None, True, False), (True, False), (True, False)))
"""Lower case, accents, CJK characters apart, cleaning."""
FLAGS = ("lstrip", "rstrip", "single_word", "normalized")


def build_genuine(settings):
    """The genuine tokenizer, and the settings with the ids that it gives to tokens that are no word pieces."""
    pieces = settings.tokens[: settings.pieces]
    vocabulary = {token: number for number, token in enumerate(pieces)}
    genuine = Tokenizer(
        models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=settings.max_word_length)
    )
    genuine.normalizer = normalizers.BertNormalizer(
        clean_text=settings.clean_text,
        handle_chinese_chars=settings.tokenize_chinese_chars,
        strip_accents=settings.strip_accents,
        lowercase=settings.lower_case,
    )
    genuine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    for token in settings.added:
        add = genuine.add_special_tokens if token.special else genuine.add_tokens
        add([AddedToken(token.content, **{flag: getattr(token, flag) for flag in FLAGS})])
    added = tuple(replace(token, id=genuine.token_to_id(token.content)) for token in settings.added)
    further = {token.id: token.content for token in added if token.id >= len(pieces)}
    tokens = (*pieces, *(further[number] for number in sorted(further)))
    return genuine, replace(settings, tokens=tokens, pieces=len(pieces), added=added)


def encode(genuine, texts):
    """Ids of texts, and where pieces begin and end, in bytes."""
    encodings = genuine.encode_batch(list(texts), add_special_tokens=False)
    ids, starts, ends = [], [], []
    for text, encoding in zip(texts, encodings, strict=True):
        sizes = np.cumsum([0, *(len(character.encode()) for character in text)])
        ids.append(encoding.ids)
        starts.append([int(sizes[start]) for start, _ in encoding.offsets])
        ends.append([int(sizes[end]) for _, end in encoding.offsets])
    return ids, starts, ends
