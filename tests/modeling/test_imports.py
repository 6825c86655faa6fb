"""What commands import before they know whether they have work to do loads no TensorFlow."""

import subprocess
import sys

MODULES = ("bertferry.modeling.config", "bertferry.modeling.errors", "bertferry.modeling.parameters")


def test_configuration_errors_and_names_load_no_tensorflow():
    code = f"import sys, {', '.join(MODULES)}; print([m for m in ('tensorflow', 'tf_keras') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
