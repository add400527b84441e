#!/usr/bin/python3
"""Reads a GGUF file of F32, F16 and Q8_0 tensors (docs/formats/gguf.md). Needs numpy.

    gguf_reader.py FILE.gguf    print its keys and tensors

It shares nothing with gguf_writer.py, so that a file that passes through both proves something.
"""

import struct
import sys

import numpy

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q",
           12: "d"}
STRING, ARRAY = 8, 9
F32, F16, Q8_0 = 0, 1, 8


class Cursor:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, code):
        value = struct.unpack_from("<" + code, self.data, self.at)[0]
        self.at += struct.calcsize("<" + code)
        return value

    def string(self):
        length = self.number("Q")
        if length > len(self.data) - self.at:
            raise ValueError(f"string of {length} bytes at byte {self.at} passes the end")
        text = bytes(self.data[self.at:self.at + length])
        self.at += length
        return text.decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.number(SCALARS[kind])
        element = self.number("I")
        return [self.value(element) for _ in range(self.number("Q"))]


class Gguf:
    """metadata: key to value, kinds: key to its type id, tensors: name to (dims, type, bytes)."""

    def __init__(self, path):
        data = numpy.fromfile(path, dtype=numpy.uint8)
        cursor = Cursor(memoryview(data))
        if bytes(data[:4]) != b"GGUF":
            raise ValueError(f"{path} is not a GGUF file")
        cursor.at = 4
        self.version = cursor.number("I")
        if self.version not in (2, 3):
            raise ValueError(f"{path} has GGUF version {self.version}, not 2 or 3")
        tensors, keys = cursor.number("Q"), cursor.number("Q")
        self.metadata, self.kinds = {}, {}
        for _ in range(keys):
            key = cursor.string()
            self.kinds[key] = cursor.number("I")
            self.metadata[key] = cursor.value(self.kinds[key])
        infos = []
        for _ in range(tensors):
            name = cursor.string()
            dims = [cursor.number("Q") for _ in range(cursor.number("I"))]
            infos.append((name, dims, cursor.number("I"), cursor.number("Q")))
        alignment = self.metadata.get("general.alignment", 32)
        begin = -(-cursor.at // alignment) * alignment
        self.tensors = {name: (dims, kind, data[begin + offset:begin + offset + size(dims, kind)])
                        for name, dims, kind, offset in infos}

    def weights(self, name):
        """A tensor as a float32 array, outermost dimension first."""
        dims, kind, data = self.tensors[name]
        if kind == F32:
            flat = data.view("<f4")
        elif kind == F16:
            flat = data.view("<f2").astype(numpy.float32)
        else:
            blocks = data.reshape(-1, 34)
            scales = blocks[:, :2].copy().view("<f2").astype(numpy.float32)
            flat = scales * blocks[:, 2:].copy().view(numpy.int8)
        return flat.reshape(list(reversed(dims)))

    def all_weights(self):
        return {name: self.weights(name) for name in self.tensors}


def size(dims, kind):
    count = 1
    for dim in dims:
        count *= dim
    sizes = {F32: count * 4, F16: count * 2, Q8_0: count // 32 * 34}
    if kind not in sizes:
        raise ValueError(f"tensor type {kind} is not one of F32, F16, Q8_0")
    return sizes[kind]


def main():
    model = Gguf(sys.argv[1])
    for key, value in model.metadata.items():
        print(key, f"[{len(value)} values]" if isinstance(value, list) else repr(value))
    for name, (dims, kind, data) in model.tensors.items():
        print(name, dims, {F32: "F32", F16: "F16", Q8_0: "Q8_0"}[kind], len(data))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
