"""llama.cpp's own reading and writing of block formats, where its library is on the machine."""
import ctypes
import os
import pathlib
import subprocess
import unittest

import numpy as np

FOLDER = pathlib.Path(os.environ.get(
    "LLAMA_BIN_DIR", pathlib.Path.home() / ".cache/hearth-peers/llama/build/bin"))
LIBRARY = FOLDER / "libggml-base.so"

needed = unittest.skipUnless(
    LIBRARY.exists(), "NOT CHECKED: no libggml-base.so of llama.cpp (LLAMA_BIN_DIR says where)")


def needs_program(name):
    """Skips a test, aloud, where one of llama.cpp's programs is not on the machine."""
    return unittest.skipUnless(
        (FOLDER / name).exists(), f"NOT CHECKED: no {name} of llama.cpp (LLAMA_BIN_DIR says where)")


def run(name, *args):
    """What one of its programs says, on standard output and then on standard error."""
    done = subprocess.run([FOLDER / name, *map(str, args)], capture_output=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=600)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    return said


def library():
    lib = ctypes.CDLL(str(LIBRARY))
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    lib.ggml_quantize_chunk.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                                        *(ctypes.c_int64,) * 3, ctypes.c_void_p)
    return lib


def quantize(kind, rows, bytes_per_row):
    """Rows of F32 as blocks of a type, every column taken for equally important."""
    rows = np.ascontiguousarray(rows, dtype="<f4")
    count, width = rows.shape
    out = np.zeros(count * bytes_per_row, dtype=np.uint8)
    importance = np.ones(width, dtype="<f4")
    size = library().ggml_quantize_chunk(kind, rows.ctypes.data, out.ctypes.data, 0, count, width,
                                         importance.ctypes.data)
    assert size == out.size, (kind, size, out.size)
    return out.tobytes()


def dequantize(name, blocks, count):
    """The `count` weights of blocks, by the function for the type that is called `name`."""
    read = getattr(library(), f"dequantize_row_{name}")
    read.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
    read.restype = None
    # At an address that suits every block.
    data = np.frombuffer(blocks, dtype=np.uint8).copy()
    out = np.zeros(count, dtype="<f4")
    read(data.ctypes.data, out.ctypes.data, count)
    return out
