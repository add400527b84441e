"""Writes GGUF version 3 files with F32 and Q8_0 tensors (docs/formats/gguf.md). Needs numpy."""

import os
import struct

import numpy

ALIGNMENT = 32
VERSION = 3

KINDS = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?")}
STRING, ARRAY = 8, 9
TENSOR_F32, TENSOR_Q8_0 = 0, 8


def string(text):
    # Tokens can hold bytes that are no UTF-8; they come as surrogates and leave as the same bytes.
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def element(kind, value):
    return string(value) if kind == "string" else struct.pack(KINDS[kind][1], value)


def kind_id(kind):
    return STRING if kind == "string" else KINDS[kind][0]


def round_half_away(x):
    """C's roundf: numpy's own rounding takes halves to the even neighbour."""
    return numpy.trunc(x + numpy.copysign(numpy.float32(0.5), x))


def quantize_q8_0(weights):
    """Blocks of 32 along the rows: d = max|x| / 127 kept as f16, q = x / d rounded."""
    rows = numpy.ascontiguousarray(weights, dtype=numpy.float32).reshape(-1, 32)
    d = numpy.abs(rows).max(axis=1, keepdims=True) / numpy.float32(127)
    # The quants are made with d before it is rounded to f16: then the largest is 127 and never 128.
    inverse = numpy.divide(numpy.float32(1), d, out=numpy.zeros_like(d), where=d != 0)
    q = round_half_away(rows * inverse).astype(numpy.int8)
    return numpy.concatenate([d.astype("<f2").view(numpy.uint8), q.view(numpy.uint8)], axis=1)


class Writer:
    """Collects keys and tensors in order, then writes the file in one go."""

    def __init__(self):
        self.keys = []
        self.infos = []
        self.blobs = []
        self.offset = 0

    def key(self, name, kind, value):
        self.keys.append(string(name) + struct.pack("<I", kind_id(kind)) + element(kind, value))

    def array(self, name, kind, values):
        head = string(name) + struct.pack("<IIQ", ARRAY, kind_id(kind), len(values))
        self.keys.append(head + b"".join(element(kind, value) for value in values))

    def tensor(self, name, weights, quantized):
        """weights: outermost dimension first, as PyTorch keeps them; GGUF lists dims in reverse."""
        if quantized and weights.shape[-1] % 32 != 0:
            raise ValueError(f"rows of {name} are {weights.shape[-1]} long, not a multiple of 32")
        kind = TENSOR_Q8_0 if quantized else TENSOR_F32
        data = quantize_q8_0(weights) if quantized else weights.astype("<f4")
        blob = data.tobytes()
        dims = tuple(reversed(weights.shape))
        self.infos.append(string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind,
                                                     self.offset))
        blob += bytes(-len(blob) % ALIGNMENT)
        self.blobs.append(blob)
        self.offset += len(blob)

    def write(self, path):
        head = b"GGUF" + struct.pack("<IQQ", VERSION, len(self.infos), len(self.keys))
        head += b"".join(self.keys) + b"".join(self.infos)
        head += bytes(-len(head) % ALIGNMENT)
        partial = f"{path}.partial"  # so that a full disk never leaves half a model under its name
        with open(partial, "wb") as file:
            file.write(head)
            for blob in self.blobs:
                file.write(blob)
        os.replace(partial, path)
