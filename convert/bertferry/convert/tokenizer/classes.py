"""The classes of tokenizers in transformers: those of word pieces with their defaults, and what others cut with.

From transformers 5.24, `models/*/tokenization_*.py` and `models/auto/tokenization_auto.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bertferry.convert.tokenizer.files import TokenizerFiles
from bertferry.core.tokenizer import USUAL_NAMES

Frame = Literal["bert", "mpnet", "funnel", "splinter"]


@dataclass(frozen=True)
class TokenizerClass:
    """Names of special tokens by role if the files give none, and how texts are framed.

    `has_types` says whether it gives the encoder types of segments; `mask_takes_blank` whether a mask takes the
    blank on its left; `sets_cleaning` whether its configuration sets the cleaning of texts; `follows_backend`
    whether a `tokenizer.json` decides, but for the frame, since the class has no constructor of its own.
    """

    special: Mapping[str, str] = field(default_factory=lambda: dict(USUAL_NAMES))
    frame: Frame = "bert"
    has_types: bool = True
    mask_takes_blank: bool = False
    sets_cleaning: bool = False
    follows_backend: bool = False


BERT = TokenizerClass()
WITHOUT_TYPES = TokenizerClass(has_types=False)
FOLLOWING = TokenizerClass(follows_backend=True)
MPNET_NAMES = {"pad": "<pad>", "unk": "[UNK]", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
FUNNEL_NAMES = {"pad": "<pad>", "unk": "<unk>", "cls": "<cls>", "sep": "<sep>", "mask": "<mask>"}
CLASSES: Mapping[str, TokenizerClass] = {
    "BertTokenizer": BERT,
    "ConvBertTokenizer": FOLLOWING,
    "DPRContextEncoderTokenizer": BERT,
    "DPRContextEncoderTokenizerFast": FOLLOWING,
    "DPRQuestionEncoderTokenizer": BERT,
    "DPRQuestionEncoderTokenizerFast": FOLLOWING,
    "DPRReaderTokenizer": WITHOUT_TYPES,
    "DPRReaderTokenizerFast": TokenizerClass(has_types=False, follows_backend=True),
    "DistilBertTokenizer": WITHOUT_TYPES,
    "ElectraTokenizer": BERT,
    "FunnelTokenizer": TokenizerClass(FUNNEL_NAMES, "funnel", sets_cleaning=True),
    "LayoutLMTokenizer": BERT,
    "LxmertTokenizer": BERT,
    "MPNetTokenizer": TokenizerClass(MPNET_NAMES, "mpnet", has_types=False, mask_takes_blank=True),
    "MobileBertTokenizer": BERT,
    "SplinterTokenizer": TokenizerClass(frame="splinter"),
    "SqueezeBertTokenizer": BERT,
}
"""Classes that build their tokenizer from their configuration."""
CUT_OTHERWISE: Mapping[str, str] = {
    "AlbertTokenizer": "SentencePiece",
    "BarthezTokenizer": "SentencePiece",
    "BartTokenizer": "byte-level BPE",
    "BertGenerationTokenizer": "SentencePiece",
    "BertTokenizerLegacy": "Python's Unicode tables",
    "BertweetTokenizer": "BPE",
    "BigBirdTokenizer": "SentencePiece",
    "CamembertTokenizer": "SentencePiece",
    "DebertaTokenizer": "byte-level BPE",
    "DebertaV2Tokenizer": "SentencePiece",
    "FlaubertTokenizer": "BPE",
    "GPT2Tokenizer": "byte-level BPE",
    "HerbertTokenizer": "BPE",
    "LlamaTokenizer": "SentencePiece",
    "LongformerTokenizer": "byte-level BPE",
    "NystromformerTokenizer": "SentencePiece",
    "PhobertTokenizer": "BPE",
    "RemBertTokenizer": "SentencePiece",
    "RoCBertTokenizer": "shapes and sounds of characters",
    "RoFormerTokenizer": "Jieba",
    "SentencePieceBackend": "SentencePiece",
    "RobertaTokenizer": "byte-level BPE",
    "T5Tokenizer": "SentencePiece",
    "XLMRobertaTokenizer": "SentencePiece",
    "XLNetTokenizer": "SentencePiece",
}
"""Classes that are not of word pieces, or not of these alone, and what they cut texts with."""
OF_OTHER_MODELS = (
    *("Bartpho", "BioGpt", "Blenderbot", "BlenderbotSmall", "ByT5", "CLIP", "CTRL", "Canine", "Clvp"),
    *("CodeGen", "CodeLlama", "Cohere", "Cpm", "CpmAnt", "Dia", "Esm", "Esmc", "FNet", "FSMT"),
    *("FastSpeech2Conformer", "GPTNeoX", "GPTNeoXJapanese", "GPTSw3", "Gemma", "LED", "Lasr"),
    *("LayoutLMv2", "LayoutLMv3", "LayoutXLM", "Luke", "M2M100", "MBart", "MBart50", "MLuke"),
    *("Marian", "MarkupLM", "Mgpstr", "Mvp", "MyT5", "Nllb", "Nougat", "OpenAIGPT", "PLBart"),
    *("Parakeet", "Pegasus", "Perceiver", "Pop2Piano", "ProphetNet", "Qwen2", "Qwen3_5", "Rag"),
    *("Reformer", "SeamlessM4T", "Siglip", "Siglip2", "Speech2Text", "SpeechT5", "Tapas", "Tipsv2"),
    *("Udop", "VideoPrism", "Vits", "Wav2Vec2CTC", "Wav2Vec2PhonemeCTC", "Whisper", "XGLM", "XLM"),
    *("XLMProphetNet"),
)
"""What classes of transformers begin with that cut otherwise or take no plain texts, before `Tokenizer`."""
OF_MODELS = {
    "albert": "AlbertTokenizer",
    "camembert": "CamembertTokenizer",
    "data2vec-text": "RobertaTokenizer",
    "mpnet": "MPNetTokenizer",
    "roberta": "RobertaTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
}
"""The class that transformers uses for an architecture if no file names one; for others it is BERT's."""
JAPANESE = "BertJapaneseTokenizer"
WORD_TOKENIZERS = {
    "mecab": "MeCab",
    "sudachi": "Sudachi",
    "jumanpp": "Juman++",
    "basic": "Python's Unicode tables",
}
WITHOUT_CASING = ("DPRContextEncoderTokenizer", "DPRQuestionEncoderTokenizer", "DPRReaderTokenizer")
"""Classes that do not tell their tokenizer whether texts are lower-cased."""
GENERIC = ("PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer")
"""Classes of which `tokenizer.json` alone decides."""


def stated_class(files: TokenizerFiles) -> str | None:
    """The class that the files name."""
    encoder = files.encoder.get("tokenizer_class")
    return files.stated("tokenizer_class", str) or (encoder if isinstance(encoder, str) else None)


def class_of(files: TokenizerFiles, architecture: str = "bert") -> str | None:
    """The class that transformers uses for these files, without `Fast`; None if google-research/bert's is meant.

    Models of an `architecture` with another tokenizer may have word pieces all the same, as those of Chinese do.
    """
    stated = stated_class(files)
    if stated is None:
        own = OF_MODELS.get(architecture)
        if own is not None and (own in CLASSES or not files.has_word_pieces):
            return own
        return "BertTokenizer" if files.of_transformers else None
    return stated if stated in (*GENERIC, *CLASSES) else stated.removesuffix("Fast")


def is_generic(name: str | None) -> bool:
    """Whether `tokenizer.json` alone decides for a class."""
    return name is not None and not (
        name in (*CLASSES, *CUT_OTHERWISE, JAPANESE) or name.removesuffix("Tokenizer") in OF_OTHER_MODELS
    )


def cut_otherwise(name: str | None, files: TokenizerFiles) -> str:
    """Why the class gives ids that no operations on word pieces give, '' if it does not."""
    if "auto_map" in files.config:
        return f"{name} is code of its own (auto_map), which is not run"
    if name == JAPANESE:
        kind = files.stated("word_tokenizer_type", str) or "basic"
        return f"{name} cuts texts with {WORD_TOKENIZERS.get(kind, kind)}"
    if name is not None and name in CUT_OTHERWISE:
        return f"{name} cuts texts with {CUT_OTHERWISE[name]}"
    if name is not None and name.removesuffix("Tokenizer") in OF_OTHER_MODELS:
        return f"{name} is a class of other models, which cuts texts with rules of its own"
    if name in WITHOUT_CASING and files.config.get("do_lower_case") is False:
        return f"{name} keeps the case in transformers 4, and lower-cases in 5 although do_lower_case is false"
    if name is not None and name not in CLASSES and not files.backend:
        return f"{name} is no known class of word pieces, and no tokenizer.json says what it does"
    return ""
