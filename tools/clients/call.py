"""Calls the function `outputs` of a snippet in the environment that runs this file.

Usage: call.py SNIPPET FOLDER DATA.json OUTPUT.json [ARGUMENT...]

DATA has sentences, or ids by the name of the input; OUTPUT receives arrays by name, as nested lists.
"""

import json
import os
import runpy
import sys
from pathlib import Path

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "ORT_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "USE_TF": "0",
}
SNIPPETS = Path(__file__).parent / "snippets"


def main() -> None:
    snippet, folder, data, output, *arguments = sys.argv[1:]
    sys.path.insert(0, str(SNIPPETS))
    outputs = runpy.run_path(str(SNIPPETS / snippet))["outputs"]
    answer = outputs(Path(folder), json.loads(Path(data).read_text(encoding="utf-8")), *arguments)
    named = answer if isinstance(answer, dict) else {"embeddings": answer}
    Path(output).write_text(json.dumps({name: values.tolist() for name, values in named.items()}))


if __name__ == "__main__":
    main()
