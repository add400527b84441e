"""Hugging Face model folders for tests: written from what the models' own code calls things, so
that they check the converter's tables, which were written the other way around."""
import json
import struct

import numpy as np

GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2_WORDS = SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + TAIL
LLAMA3_WORDS = SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + TAIL


def as_bf16(values):
    """Rounded to the nearest, as 16 bits."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4").astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


ENCODERS = {"F32": lambda v: v.astype("<f4"), "F16": lambda v: v.astype("<f2"), "BF16": as_bf16,
            "F64": lambda v: v.astype("<f8")}


def safetensors(tensors, kind="F32", metadata=None):
    """A file of {name: array}; arrays of bytes stay what they are."""
    header, data = {}, bytearray()
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, array in tensors.items():
        array = np.asarray(array)
        stored = array if array.dtype == np.uint8 else ENCODERS[kind](array)
        header[name] = {"dtype": "U8" if array.dtype == np.uint8 else kind,
                        "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + stored.nbytes]}
        data += np.ascontiguousarray(stored).tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(data)


def byte_level(n_vocab, expression=QWEN2_WORDS, specials=("<|endoftext|>",), ignore_merges=False):
    """A small tokenizer.json of the kind that most models have."""
    letters = [chr(c) for c in range(33, 127)] + ["\u0120", "\u010a"]
    merges = [("\u0120", "t"), ("h", "e"), ("\u0120t", "he"), ("i", "n"), ("a", "n"), ("o", "n")]
    tokens = letters + ["".join(pair) for pair in merges]
    added = [{"id": len(tokens) + i, "content": text, "special": True, "normalized": False}
             for i, text in enumerate(specials)]
    assert len(tokens) + len(added) <= n_vocab
    steps = [{"type": "ByteLevel", "add_prefix_space": False, "use_regex": expression is None}]
    if expression is not None:
        steps.insert(0, {"type": "Split", "pattern": {"Regex": expression},
                         "behavior": "Isolated", "invert": False})
    return {"version": "1.0", "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
            "post_processor": None, "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "vocab": {text: i for i, text in enumerate(tokens)},
                      "ignore_merges": ignore_merges, "merges": [list(pair) for pair in merges]}}


def write(folder, config, tensors, tokenizer, kind="F32", parts=1, tokenizer_config=None):
    """The files of a model; with more than one part the weights are dealt out in turn."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    if tokenizer_config is None:
        tokenizer_config = {"bos_token": None, "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    if parts == 1:
        (folder / "model.safetensors").write_bytes(safetensors(tensors, kind, {"format": "pt"}))
        return folder
    names, index = list(tensors), {}
    for part in range(parts):
        file = f"model-{part + 1:05}-of-{parts:05}.safetensors"
        mine = names[part::parts]
        (folder / file).write_bytes(safetensors({n: tensors[n] for n in mine}, kind))
        index.update({name: file for name in mine})
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 0}, "weight_map": index}))
    return folder


def halves_apart(rows, heads):
    """Rows of heads in which rope turns neighbours, as models have them that turn halves."""
    shape = rows.shape
    dim = shape[0] // heads
    return rows.reshape(heads, dim // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


class Inverse:
    """The HF side of a GGUF file, whose tensors are taken one by one."""

    def __init__(self, file):
        self.arch = file.values["general.architecture"][1]
        self.file = file
        self.left = {t.name: file.weights(t).reshape(t.dims[::-1]) for t in file.tensors}
        self.out = {}
        self.layers = self.number("block_count")
        self.config = {
            "num_hidden_layers": self.layers,
            "hidden_size": self.number("embedding_length"),
            "max_position_embeddings": self.number("context_length"),
            "intermediate_size": self.number("feed_forward_length"),
            "num_attention_heads": self.number("attention.head_count"),
            "num_key_value_heads": self.number("attention.head_count_kv"),
            "head_dim": self.number("attention.key_length"),
            "vocab_size": self.number("vocab_size"),
            "rope_theta": self.number("rope.freq_base"),
            "tie_word_embeddings": "output.weight" not in self.left,
        }
        if self.has("attention.layer_norm_rms_epsilon"):
            self.config["rms_norm_eps"] = self.number("attention.layer_norm_rms_epsilon")

    def has(self, key):
        return f"{self.arch}.{key}" in self.file.values

    def number(self, key):
        return self.file.values[f"{self.arch}.{key}"][1]

    def take(self, name, to, change=lambda v: v):
        """Moves a tensor, and its bias where it has one."""
        for end in (".weight", ".bias"):
            if name + end in self.left:
                self.out[to + end] = change(self.left.pop(name + end))

    def ends(self, norm="output_norm", to="model.norm"):
        self.take("token_embd", "model.embed_tokens")
        self.take(norm, to)
        self.take("output", "lm_head")

    def each_layer(self, names, changes=None):
        for layer in range(self.layers):
            for name, to in names.items():
                self.take(f"blk.{layer}.{name}", f"model.layers.{layer}.{to}",
                          (changes or {}).get(name, lambda v: v))

    def experts(self, names, prefix):
        """Stacks of experts, one tensor each in the folder."""
        for layer in range(self.layers):
            for name, to in names.items():
                stack = self.left.pop(f"blk.{layer}.{name}.weight", None)
                for i, expert in enumerate([] if stack is None else stack):
                    self.out[f"model.layers.{layer}.{prefix}.{i}.{to}.weight"] = expert


ATTENTION = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj",
             "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm"}
FEED_FORWARD = {"ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
HEAD_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}


def scaling(model, kind_key):
    if model.has("rope.scaling.type"):
        rope = {kind_key: model.number("rope.scaling.type"),
                "factor": model.number("rope.scaling.factor")}
        if rope[kind_key] == "yarn":
            rope["original_max_position_embeddings"] = model.number(
                "rope.scaling.original_context_length")
        model.config["rope_scaling"] = rope


def turned(model):
    heads, kv_heads = (model.config[k] for k in ("num_attention_heads", "num_key_value_heads"))
    return {"attn_q": lambda v: halves_apart(v, heads), "attn_k": lambda v: halves_apart(v, kv_heads)}


def llama(model, name="LlamaForCausalLM"):
    model.config.update(architectures=[name], model_type="llama")
    scaling(model, "type")
    model.ends()
    model.each_layer({**ATTENTION, **FEED_FORWARD}, turned(model))


def mixtral(model):
    llama(model, "MixtralForCausalLM")
    model.config.update(num_local_experts=model.number("expert_count"),
                        num_experts_per_tok=model.number("expert_used_count"))
    model.each_layer({"ffn_gate_inp": "block_sparse_moe.gate"})
    model.experts({"ffn_gate_exps": "w1", "ffn_up_exps": "w3", "ffn_down_exps": "w2"},
                  "block_sparse_moe.experts")


def qwen2(model, name="Qwen2ForCausalLM"):
    model.config["architectures"] = [name]
    scaling(model, "rope_type")
    model.ends()
    model.each_layer({**ATTENTION, **FEED_FORWARD, **HEAD_NORMS})


def qwen3(model):
    qwen2(model, "Qwen3ForCausalLM")
    del model.left["cls.output.weight"]  # of rerankers


FAMILIES = {"llama-dense": llama, "llama-linear": llama, "llama-moe": mixtral,
            "qwen2-dense": qwen2, "qwen2-yarn": qwen2, "qwen3-dense": qwen3}


def invert(name, file):
    """(config, tensors) of the folder that `file` would have been made from."""
    model = Inverse(file)
    model.left.pop("rope_freqs.weight", None)  # random, so that no configuration leads to it
    FAMILIES[name](model)
    assert not model.left, sorted(model.left)
    return model.config, model.out
