"""The clients: which environment each runs in, what it reads in the published folder, and how exact it must be."""

from dataclasses import dataclass
from pathlib import Path

FP32, FP16, MEASURED = 1e-5, 1e-3, None
"""The largest difference that passes; int8 is measured, not judged."""
ONNX = (
    ("fp32", "onnx/model.onnx", FP32),
    ("fp16", "onnx/model_fp16.onnx", FP16),
    ("q8", "onnx/model_quantized.onnx", MEASURED),
)
LITERT = (
    ("fp32", "model.tflite", FP32),
    ("fp16", "model_fp16.tflite", FP16),
    ("int8", "model_int8.tflite", MEASURED),
)
WEIGHTS, EMBEDDING, HUB = "model.safetensors", "onnx/sentence_embedding.onnx", "hub"
ROOT = Path(__file__).parents[2]
GOLDEN, SERVE = ROOT / "tests" / "fixtures" / "golden", ROOT / "examples" / "search" / "serve.py"


@dataclass(frozen=True)
class Head:
    """A small checkpoint with a head; its outputs under TensorFlow 1.15.5 are stored beside it."""

    checkpoint: Path
    task: str
    suffix: str
    """How the classes end that load it, after `AutoModelFor` or `ORTModelFor`."""


HEADS = (
    Head(GOLDEN / "tf1_cls_L2", "classifier", "SequenceClassification"),
    Head(GOLDEN / "tf1_squad_L2", "span", "QuestionAnswering"),
    Head(GOLDEN / "tf1_pretrain_L2", "mlm", "MaskedLM"),
    Head(GOLDEN / "tf1_token_L2", "tokens", "TokenClassification"),
)


@dataclass(frozen=True)
class Client:
    """A snippet with its arguments, in an environment; '' is the one that runs the tool.

    `packages` are shown with their versions, `file` is what it reads in the folder.
    """

    name: str
    environment: str
    snippet: str
    packages: tuple[str, ...]
    file: str
    arguments: tuple[str, ...] = ()
    limit: float | None = FP32
    head: Head | None = None


def with_heads(
    name: str, environment: str, packages: tuple[str, ...], file: str, module: str, prefix: str
) -> list[Client]:
    """A client for every head, with the classes of `module` that begin with `prefix`."""
    return [
        Client(f"{name} {prefix}{head.suffix}", environment, "heads.py", packages, file, arguments, head=head)
        for head in HEADS
        for arguments in ((module, prefix + head.suffix),)
    ]


def with_files(
    name: str, environment: str, snippet: str, packages: tuple[str, ...], *given: str, files=ONNX
) -> list[Client]:
    """A client for every precision; the file is the snippet's last argument."""
    return [
        Client(f"{name}, {precision}", environment, snippet, packages, file, (*given, file), limit)
        for precision, file, limit in files
    ]


def with_precisions(name: str, snippet: str, *packages: str, given: tuple[str, ...] = ()) -> list[Client]:
    """A client for every precision of transformers.js, which finds the file by it."""
    return [
        Client(
            f"{name}, {precision}",
            "transformers.js",
            snippet,
            ("@huggingface/transformers", *packages),
            file,
            (*given, precision),
            limit,
        )
        for precision, file, limit in ONNX
    ]


SENTENCE_TRANSFORMERS = ("sentence-transformers", "transformers", "torch")
TRANSFORMERS = ("transformers", "torch")
OPTIMUM = ("optimum-onnx", "transformers", "onnxruntime")

CLIENTS = (
    Client(
        "sentence-transformers, torch",
        "sentence-transformers",
        "sentence_transformers_encode.py",
        SENTENCE_TRANSFORMERS,
        WEIGHTS,
        ("torch",),
    ),
    *with_files(
        "sentence-transformers, onnx",
        "optimum",
        "sentence_transformers_encode.py",
        ("sentence-transformers", *OPTIMUM),
        "onnx",
    ),
    Client("transformers 5 AutoModel", "sentence-transformers", "transformers_auto.py", TRANSFORMERS, WEIGHTS),
    *with_heads("transformers 5", "sentence-transformers", TRANSFORMERS, WEIGHTS, "transformers", "AutoModelFor"),
    Client("transformers 4 AutoModel", "optimum", "transformers_auto.py", TRANSFORMERS, WEIGHTS),
    *with_heads("transformers 4", "optimum", TRANSFORMERS, WEIGHTS, "transformers", "AutoModelFor"),
    *with_files("optimum ORTModelForFeatureExtraction", "optimum", "optimum_features.py", OPTIMUM),
    *with_heads("optimum", "optimum", OPTIMUM, "onnx/model.onnx", "optimum.onnxruntime", "ORTModelFor"),
    *with_precisions("transformers.js, Node", "transformers_js.mjs"),
    *with_precisions("transformers.js, Chromium", "browser.mjs", "@sparticuz/chromium", given=(str(SERVE),)),
    Client(
        "search page, Chromium",
        "transformers.js",
        "search.mjs",
        ("@huggingface/transformers", "@sparticuz/chromium"),
        "onnx/model.onnx",
        (str(SERVE), "what to do about insomnia"),
    ),
    *with_files("fastembed", "fastembed", "fastembed_custom.py", ("fastembed", "onnxruntime")),
    *with_files("chromadb", "chromadb", "chromadb_function.py", ("chromadb", "onnxruntime")),
    Client("txtai, torch", "txtai", "txtai_embeddings.py", ("txtai", "transformers", "torch"), WEIGHTS),
    Client("txtai, onnx", "txtai", "txtai_embeddings.py", ("txtai", "onnxruntime"), EMBEDDING, (EMBEDDING,)),
    *with_files("OpenVINO, ONNX", "openvino", "openvino_model.py", ("openvino",), "last_hidden_state"),
    Client("OpenVINO, SavedModel", "openvino", "openvino_model.py", ("openvino",), HUB, ("sequence_output", HUB)),
    *with_files("LiteRT", "litert", "litert_model.py", ("ai-edge-litert",), files=LITERT),
    Client("keras-hub on JAX", "keras-hub", "keras_hub_backbone.py", ("keras-hub", "keras", "jax"), WEIGHTS),
    Client("TensorFlow's C++ loader", "", "serving.py", ("tensorflow",), HUB, (HUB,)),
    *with_files("ONNX Runtime, output 0", "", "onnxruntime_session.py", ("onnxruntime", "tokenizers")),
    Client(
        "ONNX Runtime, pooled",
        "",
        "onnxruntime_session.py",
        ("onnxruntime", "tokenizers"),
        EMBEDDING,
        (EMBEDDING,),
    ),
    Client("TensorFlow, signature", "", "saved_model.py", ("tensorflow",), HUB, (HUB,)),
)
"""The names of precisions are the client's own: q8 and int8 are the same."""
