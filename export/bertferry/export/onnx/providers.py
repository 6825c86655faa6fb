"""What runs a graph."""

from bertferry.core.errors import UnavailableError


def check_provider(precision: str) -> None:
    """Checks that a provider of the installed ONNX Runtime can run graphs of a precision.

    https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md lists the types of each kernel.

    Raises:
      UnavailableError: none can.
    """
    if precision != "bf16":
        return
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise UnavailableError(
            "--precision bf16: ONNX Runtime's CPU provider has no bfloat16 kernels for MatMul and Softmax: "
            "use --precision fp16, or bertferry[gpu] instead of bertferry[cpu]"
        )
