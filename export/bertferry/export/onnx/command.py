"""The command export-onnx."""

from argparse import BooleanOptionalAction, Namespace
from collections.abc import Sequence

from absl.flags import argparse_flags

from bertferry.convert.source_options import (
    EMBEDDING_FLAGS,
    SOURCE_FLAGS,
    add_embedding_flags,
    add_source_flags,
    source_options,
)
from bertferry.core.console import (
    check_report_path,
    command_parser,
    refuse_ignored,
    run_as_program,
    run_for_tests,
    show,
)
from bertferry.core.errors import UsageError
from bertferry.core.graph_names import NAMINGS
from bertferry.core.inner_outputs import INNER
from bertferry.core.progress_bar import Progress
from bertferry.core.tasks import EMBEDDINGS, GRAPH_TASKS
from bertferry.export.inner_flags import add_inner_flags, inner_kinds_of
from bertferry.export.onnx.options import (
    DEFAULT_OPSET,
    ONNX_PRECISIONS,
    OPSETS,
    OPTIMIZATIONS,
    SAVED_MODEL_OPSET,
    OnnxOptions,
)


def build_parser() -> argparse_flags.ArgumentParser:
    """Defines the flags of the command."""
    parser = command_parser(
        "export-onnx",
        "Export a BERT checkpoint in any layout, or any TF2 SavedModel, as an ONNX graph and verify the "
        "result in ONNX Runtime.",
    )
    add = parser.add_argument
    add("--checkpoint", metavar="PATH", help="checkpoint prefix, directory, .safetensors file or archive")
    add("--saved-model", metavar="DIR", help="SavedModel or Hub module, instead of a checkpoint")
    add("--output", metavar="FILE", help=".onnx file to create")
    add(
        "--signature",
        metavar="NAME",
        default="serving_default",
        help="signature of the SavedModel; default: serving_default",
    )
    add(
        "--task",
        choices=tuple(GRAPH_TASKS),
        help="task of the checkpoint; embeddings: one vector per text, as the files of sentence-transformers or "
        "--pooling and --normalize say; default: encoder, with one of these flags embeddings",
    )
    _add_graph_flags(parser)
    add("--overwrite", action="store_true", help="replace an existing output")
    add("--inputs", metavar="FILE", help="an .npz file of inputs for the parity check, replaces the probes")
    add("--no-verify", action="store_true", help="skip the parity check")
    add("--dry-run", action="store_true", help="check everything, but write nothing")
    add("--json", metavar="FILE", nargs="?", const="-", help="write the report as JSON to stdout or FILE")
    add_source_flags(parser)
    add_embedding_flags(parser)
    return parser


def _add_graph_flags(parser: argparse_flags.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--precision",
        choices=ONNX_PRECISIONS,
        default="fp32",
        help="fp16, bf16: weights and matrix products in 16 bits; int8: dynamic quantization; default: fp32",
    )
    add(
        "--optimize",
        choices=OPTIMIZATIONS,
        default="none",
        help="none: standard ai.onnx operations only; ort: fused operations of ONNX Runtime; default: none",
    )
    add(
        "--opset",
        type=int,
        choices=OPSETS,
        help=f"opset of ai.onnx; default: {DEFAULT_OPSET}, for a SavedModel {SAVED_MODEL_OPSET}",
    )
    add(
        "--names",
        choices=NAMINGS,
        help="names of a checkpoint's graph: input_word_ids, sequence_output, … or, in int64, input_ids, "
        "last_hidden_state, …; default: the latter if the source or the target is a Hugging Face folder",
    )
    add("--int64-inputs", action="store_true", help="use int64 instead of int32 inputs for a checkpoint")
    add_inner_flags(parser)
    add("--keep-io", action=BooleanOptionalAction, default=True, help="keep outputs float32 in fp16; default: yes")
    add("--external-data", action="store_true", help="write weights to FILE.data; automatic above 2 GB")


OF_CHECKPOINT = ("task", "names", "int64_inputs", *INNER, *SOURCE_FLAGS, *EMBEDDING_FLAGS)
OF_SAVED_MODEL = ("signature",)


def execute(arguments: Namespace, progress: Progress) -> int:
    """Runs the command with parsed arguments and returns its exit code."""
    for mode, ignored in (("saved_model", OF_CHECKPOINT), ("checkpoint", OF_SAVED_MODEL)):
        if getattr(arguments, mode) is not None:
            used = vars(arguments).keys() - set(ignored)
            refuse_ignored(build_parser(), arguments, f"--{mode.replace('_', '-')}", used)
    check_report_path(arguments.json)
    if arguments.output is None:
        raise UsageError("--output FILE is missing: see --help")
    stated = source_options(arguments)
    options = OnnxOptions(
        task=arguments.task or (EMBEDDINGS if stated.about_embeddings else "encoder"),
        signature=arguments.signature,
        precision=arguments.precision,
        optimize=arguments.optimize,
        opset=arguments.opset,
        names=arguments.names,
        int64_inputs=arguments.int64_inputs,
        inner=inner_kinds_of(arguments),
        keep_io=arguments.keep_io,
        external_data=arguments.external_data,
        verify=not arguments.no_verify,
        inputs=arguments.inputs,
    )
    from bertferry.export.onnx.exporter import export_onnx

    with progress:
        report = export_onnx(
            arguments.output,
            options,
            checkpoint=arguments.checkpoint,
            saved_model=arguments.saved_model,
            source=stated,
            overwrite=arguments.overwrite,
            dry_run=arguments.dry_run,
            progress=progress,
        )
    show(report.to_json(), report.render(), arguments.json)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `export-onnx` with `argv` (without the program name) and returns its exit code."""
    return run_for_tests(build_parser(), execute, argv)


def run() -> None:
    """The entry point."""
    run_as_program(build_parser(), execute)
