#!/usr/bin/python3
"""Compares `hearth logits` with a reference file: prints the normalized mean squared error.

    tools/check_reference.py PROGRAM MODEL.gguf REFERENCE.logits [FLAG ...]

REFERENCE holds, little endian: int32 n_tokens, int32 n_vocab, int32 tokens[n_tokens],
float32 logits[n_tokens][n_vocab]. Further flags go to `hearth logits`. Exit code 1 when the error
sum((a - b)^2) / sum(b^2) is 1e-9 or more.
"""
import subprocess
import sys
import tempfile

import numpy as np

BAR = 1e-9


def main() -> int:
    program, model, reference, *flags = sys.argv[1:]
    head = np.fromfile(reference, dtype="<i4", count=2)
    n_tokens, n_vocab = int(head[0]), int(head[1])
    tokens = np.fromfile(reference, dtype="<i4", count=n_tokens, offset=8)
    want = np.fromfile(reference, dtype="<f4", offset=8 + 4 * n_tokens).astype(np.float64)
    with tempfile.NamedTemporaryFile() as output:
        ids = ",".join(str(t) for t in tokens)
        command = [program, "logits", "-m", model, "--tokens", ids, "-o", output.name, *flags]
        subprocess.run(command, check=True)
        got = np.fromfile(output.name, dtype="<f4", offset=8).astype(np.float64)
    if got.size != n_tokens * n_vocab:
        print(f"{model}: {got.size} logits, expected {n_tokens * n_vocab}")
        return 1
    error = float(np.sum((got - want) ** 2) / np.sum(want**2))
    print(f"{model}: normalized mean squared error {error:.3g} (bar {BAR:g})")
    return 0 if error < BAR else 1


if __name__ == "__main__":
    sys.exit(main())
