"""llama.cpp's tokenizer through its library, and GGUF files with another value for one key."""
import ctypes
import struct
from pathlib import Path

STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class ModelParams(ctypes.Structure):
    """llama_model_params of llama.cpp v0.5.0 (include/llama.h)."""
    _fields_ = [("devices", ctypes.c_void_p), ("overrides", ctypes.c_void_p),
                ("n_gpu_layers", ctypes.c_int32), ("split_mode", ctypes.c_int),
                ("load_mode", ctypes.c_int), ("lazy_mode", ctypes.c_int),
                ("main_gpu", ctypes.c_int32), ("tensor_split", ctypes.c_void_p),
                ("progress", ctypes.c_void_p), ("progress_data", ctypes.c_void_p),
                ("kv_overrides", ctypes.c_void_p), ("vocab_only", ctypes.c_bool),
                ("check_tensors", ctypes.c_bool), ("use_extra_bufts", ctypes.c_bool),
                ("no_host", ctypes.c_bool), ("no_alloc", ctypes.c_bool),
                ("load_mtp", ctypes.c_bool)]


LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


class Library:
    def __init__(self, folder):
        for name in ("libggml-base.so", "libggml-cpu.so", "libggml.so"):
            ctypes.CDLL(str(Path(folder) / name), mode=ctypes.RTLD_GLOBAL)
        self.lib = lib = ctypes.CDLL(str(Path(folder) / "libllama.so"))
        lib.llama_model_default_params.restype = ModelParams
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, ModelParams]
        lib.llama_model_load_from_file.restype = ctypes.c_void_p
        lib.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
        lib.llama_model_get_vocab.restype = ctypes.c_void_p
        lib.llama_model_free.argtypes = [ctypes.c_void_p]
        lib.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32,
                                       ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool,
                                       ctypes.c_bool]
        lib.llama_tokenize.restype = ctypes.c_int32
        self.quiet = LOG(lambda level, text, data: None)
        lib.llama_log_set(self.quiet, None)
        lib.llama_backend_init()

    def open(self, path):
        params = self.lib.llama_model_default_params()
        params.vocab_only = True
        model = self.lib.llama_model_load_from_file(str(path).encode(), params)
        if not model:
            raise RuntimeError(f"the peer cannot read {path}")
        return Peer(self.lib, model)


class Peer:
    def __init__(self, lib, model):
        self.lib, self.model = lib, model
        self.vocab = lib.llama_model_get_vocab(model)
        self.room = (ctypes.c_int32 * (1 << 16))()

    def ids(self, data, special=False):
        while True:
            count = self.lib.llama_tokenize(self.vocab, data, len(data), self.room, len(self.room),
                                            special, special)
            if count >= 0:
                return self.room[:count]
            self.room = (ctypes.c_int32 * (2 * -count))()

    def close(self):
        self.lib.llama_model_free(self.model)


class Gguf:
    """Where each value of the metadata stands in the bytes of a file."""

    def __init__(self, path):
        self.data = Path(path).read_bytes()
        self.at = 24
        self.count = struct.unpack_from("<Q", self.data, 16)[0]
        self.values = {}  # key: (begin of the entry, type, begin of the value, end of the value)
        for _ in range(self.count):
            begin = self.at
            key = self.take_text().decode()
            kind = self.take("<I")
            value = self.at
            self.skip(kind)
            self.values[key] = (begin, kind, value, self.at)
        self.end = self.at

    def take(self, form):
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def take_text(self):
        size = self.take("<Q")
        self.at += size
        return self.data[self.at - size:self.at]

    def skip(self, kind):
        if kind == STRING:
            self.take_text()
        elif kind == ARRAY:
            element, count = self.take("<I"), self.take("<Q")
            if element in SIZES:
                self.at += SIZES[element] * count
            else:
                for _ in range(count):
                    self.skip(element)
        else:
            self.at += SIZES[kind]

    def text(self, key, default=""):
        if key not in self.values:
            return default
        _, _, begin, end = self.values[key]
        return self.data[begin + 8:end].decode(errors="replace")

    def texts(self, key):
        self.at = self.values[key][2] + 4
        return [self.take_text() for _ in range(self.take("<Q"))]

    def numbers(self, key):
        begin = self.values[key][2]
        count = struct.unpack_from("<Q", self.data, begin + 4)[0]
        return struct.unpack_from(f"<{count}i", self.data, begin + 12)

    def with_text(self, key, value):
        """The metadata alone, with one text set anew."""
        name, raw = key.encode(), value.encode()
        entry = (struct.pack("<Q", len(name)) + name + struct.pack("<IQ", STRING, len(raw)) + raw)
        body = self.data[24:self.end]
        count = self.count + 1
        if key in self.values:
            begin, _, _, end = self.values[key]
            body = self.data[24:begin] + self.data[end:self.end]
            count -= 1
        body = entry + body
        head = self.data[:8] + struct.pack("<QQ", 0, count)
        whole = head + body
        return whole + bytes(-len(whole) % 32)
