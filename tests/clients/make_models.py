#!/usr/bin/python3
"""Writes a model into a file, for tests that the bundled one is not enough for.

    make_models.py long FILE     the bundled model, with room for 32,768 tokens: answers that last
    make_models.py vectors FILE  a BERT model of random weights that makes vectors
    make_models.py scores FILE   the same with a classifier, which scores pairs of texts
"""
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
os.environ.setdefault("HEARTH", sys.executable)  # hearth.py wants to see a program

import embed_test  # noqa: E402
import gguf_file  # noqa: E402
from hearth import MODEL  # noqa: E402

LONG = 32768
MEAN, RANK = 1, 4  # pooling types


def make(kind):
    if kind == "long":
        return gguf_file.GgufFile(MODEL.read_bytes()).with_values({"llama.context_length": LONG})
    if kind == "vectors":
        return embed_test.file_of(embed_test.random_weights(), MEAN)
    if kind == "scores":
        return embed_test.file_of(embed_test.random_weights(2, cls_output=1), RANK)
    raise SystemExit(f"make_models.py: no kind of model is called '{kind}'")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    pathlib.Path(sys.argv[2]).write_bytes(make(sys.argv[1]))
