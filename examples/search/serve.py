"""Serves a page that searches 500 sentences by meaning in the browser, with a published folder, on the loopback.

Usage: python examples/search/serve.py FOLDER [--sentences FILE] [--modules DIR] [--port N]

FOLDER is what `bertferry publish` writes of a model of embeddings. FILE has other sentences, one per line. DIR is
the `node_modules` with transformers.js, by default the one that `npm install --prefix examples/search` makes.
Prints the address and serves until it is interrupted.
"""

import argparse
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = "@huggingface/transformers"


class Handler(SimpleHTTPRequestHandler):
    """Files of the page, of the published folder under `/model/` and of npm's packages under `/npm/`."""

    def __init__(self, *arguments, places: dict[str, Path], sentences: Path, **keywords):
        self.places, self.sentences = places, sentences
        super().__init__(*arguments, **keywords)

    def translate_path(self, path: str) -> str:
        """The file of a path in an address."""
        if path == "/sentences.txt":
            return str(self.sentences)
        _, first, rest = path.split("/", 2) if path.count("/") > 1 else ("", "", "")
        self.directory = str(self.places.get(first, HERE))
        return super().translate_path(f"/{rest}" if first in self.places else path)

    def end_headers(self) -> None:
        """Isolates the page from others."""
        # Elsewhere WebAssembly runs in one thread.
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *arguments) -> None:
        """Says nothing: the browser shows what is missing."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a page that searches sentences by meaning.")
    parser.add_argument("folder", type=Path, help="the published folder")
    parser.add_argument("--sentences", type=Path, default=HERE / "sentences.txt", help="one per line")
    parser.add_argument("--modules", type=Path, default=HERE / "node_modules", help="npm's packages")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    arguments = parser.parse_args()
    for name in ("onnx/model.onnx", "1_Pooling/config.json"):
        if not (arguments.folder / name).is_file():
            parser.error(f"{arguments.folder} is no published folder of embeddings: it has no {name}")
    if not arguments.sentences.is_file():
        parser.error(f"{arguments.sentences} is no file")
    if not (arguments.modules / LIBRARY).is_dir():
        parser.error(f"{arguments.modules} has no {LIBRARY}: npm install --prefix {HERE}")
    places = {"model": arguments.folder.absolute(), "npm": arguments.modules.absolute()}
    handler = partial(Handler, places=places, sentences=arguments.sentences.absolute())
    with ThreadingHTTPServer(("127.0.0.1", arguments.port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
