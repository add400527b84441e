"""Just enough of GGUF to make other files from a good one: plain F32 weights, planted faults."""
import struct

import numpy as np

F32, Q8_0 = 0, 8
STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
FLOATS = {6: "<f", 12: "<d"}
ALIGNMENT = 32


class Tensor:
    def __init__(self, name, dims, kind, kind_at, offset):
        self.name, self.dims, self.kind = name, dims, kind
        self.kind_at = kind_at  # where in the file the type stands
        self.offset = offset


class GgufFile:
    """`data` stays as it was read; `values` maps each key to (offset of its value, value)."""

    def __init__(self, data):
        self.data = data
        self.at = 8
        n_tensors, n_keys = self.take("<QQ")
        self.values = {}
        for _ in range(n_keys):
            key, kind = self.text(), self.take("<I")[0]
            self.values[key] = (self.at, self.value(kind))
        self.metadata_end = self.at
        self.tensors = []
        for _ in range(n_tensors):
            name = self.text()
            dims = self.take(f"<{self.take('<I')[0]}Q")
            kind_at = self.at
            kind, offset = self.take("<IQ")
            self.tensors.append(Tensor(name, dims, kind, kind_at, offset))
        self.infos_end = self.at
        self.start = -(-self.at // ALIGNMENT) * ALIGNMENT

    def take(self, form):
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def text(self):
        size, = self.take("<Q")
        self.at += size
        return self.data[self.at - size:self.at].decode(errors="replace")

    def value(self, kind):
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            element, count = self.take("<IQ")
            return [self.value(element) for _ in range(count)]
        if kind in FLOATS:
            return self.take(FLOATS[kind])[0]
        self.at += SIZES[kind]
        return int.from_bytes(self.data[self.at - SIZES[kind]:self.at], "little")

    def number(self, key):
        return self.values[key][1]

    def weights(self, tensor):
        """A tensor's weights as F32."""
        at, count = self.start + tensor.offset, int(np.prod(tensor.dims))
        if tensor.kind == F32:
            return np.frombuffer(self.data, "<f4", count, at)
        block = np.dtype([("d", "<f2"), ("q", "i1", 32)])
        blocks = np.frombuffer(self.data, block, count // 32, at)
        return (blocks["d"].astype("<f4")[:, None] * blocks["q"].astype("<f4")).ravel()

    def patched(self, at, replacement):
        """The file with other bytes at one place."""
        return self.data[:at] + replacement + self.data[at + len(replacement):]

    def with_values(self, values):
        """The same model with these keys of metadata, in the place of its own of their names."""
        starts = [(key, at - 12 - len(key.encode())) for key, (at, _) in self.values.items()]
        ends = [start for _, start in starts[1:]] + [self.metadata_end]
        entries = [self.data[start:end] for (key, start), end in zip(starts, ends)
                   if key not in values]
        for key, value in values.items():
            kind, data = typed(value)
            entries.append(struct.pack("<Q", len(key.encode())) + key.encode()
                           + struct.pack("<I", kind) + data)
        head = self.data[:16] + struct.pack("<Q", len(entries)) + b"".join(entries)
        head += self.data[self.metadata_end:self.infos_end]
        return head + bytes(-len(head) % ALIGNMENT) + self.data[self.start:]

    def with_text(self, key, text):
        """The same model with one more key of metadata."""
        return self.with_values({key: text})

    def rewritten(self, encode):
        """The same model with other weights: encode(tensor, weights in F32) gives type, bytes."""
        head, body = bytearray(self.data[:self.metadata_end]), bytearray()
        for tensor in self.tensors:
            name = tensor.name.encode()
            kind, data = encode(tensor, self.weights(tensor))
            head += struct.pack("<Q", len(name)) + name
            head += struct.pack(f"<I{len(tensor.dims)}Q", len(tensor.dims), *tensor.dims)
            head += struct.pack("<IQ", kind, len(body))
            body += data
            body += bytes(-len(body) % ALIGNMENT)
        head += bytes(-len(head) % ALIGNMENT)
        return bytes(head + body)

    def as_f32(self):
        """The same model with every weight written out as F32."""
        return self.rewritten(lambda _, weights: (F32, weights.astype("<f4").tobytes()))


def typed(value):
    """A metadata value as GGUF writes it: type and bytes."""
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if isinstance(value, str):
        return STRING, struct.pack("<Q", len(value.encode())) + value.encode()
    kinds = [typed(element) for element in value]
    kind = 5 if kinds[0][0] == 4 else kinds[0][0]  # lists of numbers are signed
    return ARRAY, struct.pack("<IQ", kind, len(value)) + b"".join(data for _, data in kinds)


def make(values, tensors):
    """A file of metadata {key: value} and tensors {name: F32 array, its rows last}."""
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)))
    body = bytearray()
    for key, value in values.items():
        kind, data = typed(value)
        head += struct.pack("<Q", len(key.encode())) + key.encode()
        head += struct.pack("<I", kind) + data
    for name, array in tensors.items():
        dims = array.shape[::-1]
        head += struct.pack("<Q", len(name)) + name.encode()
        head += struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, F32, len(body))
        body += array.astype("<f4").tobytes()
        body += bytes(-len(body) % ALIGNMENT)
    head += bytes(-len(head) % ALIGNMENT)
    return bytes(head + body)
