#!/usr/bin/python3
"""Writes the seed inputs of the fuzz targets: seeds.py FOLDER makes FOLDER/<target>/<name>."""

import json
import pathlib
import struct
import sys


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def key(name, kind, payload):
    return text(name) + struct.pack("<I", kind) + payload


def array(kind, count, elements):
    return struct.pack("<IQ", kind, count) + elements


def tensor(name, dims, kind, offset):
    return (text(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims)
            + struct.pack("<IQ", kind, offset))


def whole_file():
    keys = [key("general.alignment", 4, struct.pack("<I", 64)),
            key("s", 8, text("value")),
            key("strings", 9, array(8, 3, text("a") + text("") + text("bc"))),
            key("floats", 9, array(6, 2, struct.pack("<2f", 1.5, -2))),
            key("i64", 11, struct.pack("<q", -1)),
            key("flag", 7, b"\1")]
    tensors = [tensor("a", [4, 2], 0, 0), tensor("b", [32], 8, 64)]
    data = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys + tensors)
    return data + bytes(-len(data) % 64) + bytes(98)


def gguf_seeds():
    u32 = lambda name, value: key(name, 4, struct.pack("<I", value))
    scores = key("tokenizer.ggml.scores", 9, array(6, 4, struct.pack("<4f", 0, -1, -2, -3)))
    kinds = key("tokenizer.ggml.token_type", 9, array(5, 4, struct.pack("<4i", 2, 3, 3, 1)))
    # The first bytes: what stands in front, extra keys, extra tensors (0x80: the model's own).
    yield "whole", b"\0\0\0" + whole_file()
    yield "header", b"\1\1\0" + u32("general.alignment", 64)
    yield "header_tensor", b"\1\0\1" + tensor("t", [32], 8, 0) + bytes(64)
    yield "llama", b"\2\0\x80"
    yield "llama_rope", b"\2\1\x80" + u32("llama.rope.dimension_count", 16)
    yield "llama_bias", b"\2\0\x81" + tensor("blk.0.attn_q.bias", [32], 0, 0)
    yield "spm", b"\3\0\x80"
    yield "spm_scores", b"\3\2\0" + scores + kinds
    yield "bpe", b"\4\0\x80"
    yield "bpe_pre", b"\4\1\0" + key("tokenizer.ggml.pre", 8, text("llama-bpe"))
    yield "wpm", b"\5\0\x80"
    yield "ugm", b"\6\1\0" + key("tokenizer.ggml.precompiled_charsmap", 9, array(0, 8, bytes(8)))
    yield "bpe_eos", b"\4\1\0" + u32("tokenizer.ggml.eos_token_id", 3)


def importance_seeds():
    """A file of each format: two tensors, of which one has two experts."""
    floats = lambda *values: struct.pack(f"<{len(values)}f", *values)
    keys = [key("general.type", 8, text("imatrix")),
            key("imatrix.datasets", 9, array(8, 1, text("a.txt"))),
            key("imatrix.chunk_count", 4, struct.pack("<I", 3)),
            key("imatrix.chunk_size", 4, struct.pack("<I", 512))]
    tensors = [tensor("a.weight.in_sum2", [3, 1], 0, 0), tensor("a.weight.counts", [1, 1], 0, 32),
               tensor("b.weight.in_sum2", [2, 2], 0, 64), tensor("b.weight.counts", [1, 2], 0, 96)]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys + tensors)
    data = [floats(1, 2, 3), floats(4), floats(5, 6, 0, 0), floats(7, 0)]
    yield "gguf", head + bytes(-len(head) % 32) + b"".join(d.ljust(32, b"\0") for d in data)
    entry = struct.pack("<i", 1) + b"a" + struct.pack("<ii", 4, 2) + floats(1, 2)
    yield "legacy", struct.pack("<i", 1) + entry
    yield "legacy_end", struct.pack("<i", 1) + entry + struct.pack("<ii", 9, 1) + b"t"


def prefix_file_seeds():
    """Records of three blocks and of states behind them; their checksums are made by the target."""
    def record(number, parent, count):
        numbers = struct.pack("<5Q", number, parent, number, 0, count)
        return (numbers + struct.pack(f"<{count}i", *range(count))).ljust(512, b"\0")
    chain = record(1, 0, 64) + record(2, 1, 64) + record(3, 2, 5)
    yield "chain", b"\7" + chain + record(4, 2, 0) + record(5, 1, 0)
    yield "lost", b"\3" + chain
    yield "orphan", b"\7" + record(7, 6, 64) + record(8, 7, 1) + record(8, 7, 1)
    yield "foreign", b"\0hearthKV" + chain


TEXTS = ("Hello world", "  two  spaces ", "abab aaa ab", "na\u00efve \u65e5\u672c \U0001f680",
         "it's 12345 o'clock\n\n",
         "camelCase \u00c9COLE 1234567 <sentinel:1>IMGIMGABZ \u4f60\u597d e\u0301",
         "<s>a</s><|im_end|><0x41>", "\u2581a\u0120b")
STOPS = ("ab", "</s>", "\n\n")


ROOT = pathlib.Path(__file__).resolve().parents[1]


def template_seeds():
    """The snippets of the tests, without the comments."""
    lines = (ROOT / "tests/data/template_snippets.txt").read_text().split("\n")
    for i, line in enumerate(line for line in lines if line and not line.startswith("# ")):
        yield f"snippet{i}", line.replace("\u23ce", "\n").encode()
    yield "json", b"{{ x }}{{ x | tojson(indent=2) }}\0" + b'{"a": [1, -2.5e3, "\\u00e9", null]}'


def reply_seeds():
    """The cases of the tests; the first byte is the place of the format in the list of all."""
    cases = json.loads((ROOT / "tests/data/reply_cases.json").read_text())["cases"]
    formats = sorted({case["format"] for case in cases} - {"none"} | {"harmony"})
    for i, case in enumerate(cases):
        if case["format"] == "none":
            continue
        opened = 1 if "hink" in case["prompt_end"] else 0
        data = bytes([formats.index(case["format"]), opened | 4 * (i % 2)])
        reply = case["reply"].encode()
        yield f"case{i}", data + reply[:len(reply) // 2] + b"\xfe" + reply[len(reply) // 2:]


def grammar_seeds():
    """Grammars and schemas, each with a text."""
    yield "gbnf", (b'root ::= a ("," a){0,3}\na ::= [^",\\]+ | "\\u00e4"? b*\n'
                   b'b ::= "(" b ")" | .\0x,y')
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": -3},
                                               "b": {"type": "string", "pattern": "^[a-c]{2}$"}},
              "required": ["a"], "additionalProperties": {"$ref": "#"}}
    yield "schema", json.dumps(schema).encode() + b'\0{"a": 12, "b": "ab"'
    lists = {"anyOf": [{"prefixItems": [{"const": 1}, {"enum": ["x", None]}], "items": False},
                       {"type": ["string", "number"], "minimum": 0}]}
    yield "lists", json.dumps(lists).encode() + b'\0[1, "x"'


def safetensors_seeds():
    """The first byte says what follows."""
    header = json.dumps({"__metadata__": {"format": "pt"},
                         "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
                         "b": {"dtype": "BF16", "shape": [], "data_offsets": [8, 10]}}).encode()
    yield "weights", b"\0" + struct.pack("<Q", len(header)) + header + bytes(10)
    piece = b"\n\1a\x15\0\0\x80\xbf\x18\1"
    yield "pieces", b"\1\n" + bytes([len(piece)]) + piece + b"\x12\2\x18\2\x1a\2\x18\0"
    added = [{"id": 3, "content": "<s>", "special": True}]
    for kind, vocab in (("BPE", {"a": 0, "b": 1, "ab": 2}), ("WordPiece", {"a": 0, "##b": 1}),
                        ("Unigram", [["a", -1.5], ["b", -2]])):
        model = {"type": kind, "vocab": vocab, "merges": ["a b"], "unk_id": 0}
        tokenizer = {"added_tokens": added, "model": model, "decoder": {"type": "ByteLevel"},
                     "normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}]},
                     "pre_tokenizer": {"type": "ByteLevel", "use_regex": True}}
        yield f"tokenizer_{kind}", b"\2" + json.dumps(tokenizer).encode()
    block = "model.layers.0."
    norms = [block + part + "_layernorm.weight" for part in ("input", "post_attention")]
    matrices = [f"{block}{part}_proj.weight" for part in (
        "self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up",
        "mlp.down")]
    lines = "\n".join([f"{n} abcd 32" for n in norms + ["model.norm.weight"]] +
                      [f"{n} abcd 32 32" for n in matrices + ["model.embed_tokens.weight"]])
    for name in ("LlamaForCausalLM", "Qwen3MoeForCausalLM", "Gemma3ForCausalLM",
                 "Qwen3_5ForCausalLM", "DeepseekV3ForCausalLM", "GptOssForCausalLM", "BertModel"):
        config = {"architectures": [name], "hidden_size": 32, "num_hidden_layers": 1,
                  "num_attention_heads": 2, "max_position_embeddings": 8, "vocab_size": 32,
                  "intermediate_size": 32, "rope_theta": 1e4, "tie_word_embeddings": True}
        yield f"config_{name}", b"\3" + json.dumps(config).encode() + b"\xfe" + lines.encode()


def dialect_seeds():
    """Requests; the first byte of each is the place of its route in the list of all."""
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    message = {
        "model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "s"}], "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "t", "signature": ""},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True,
                 "content": [{"type": "text", "text": "r"}]}]}],
        "tools": [{"name": "f", "input_schema": schema}], "stop_sequences": ["z"],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 5}, "stream": True,
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}}}
    for route in range(2):
        yield f"messages{route}", bytes([route, 7]) + json.dumps(message).encode()
    first = {
        "input": [
            {"role": "developer", "content": "d"},
            {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]},
            {"type": "function_call", "call_id": "call_1", "name": "f", "namespace": "n",
             "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "r"},
            {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "i"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "o"}],
        "instructions": "i", "max_output_tokens": 9, "reasoning": {"effort": "low"},
        "tools": [{"type": "function", "name": "f", "parameters": schema},
                  {"type": "custom", "name": "p", "format": {
                      "type": "grammar", "syntax": "lark", "definition": "x"}},
                  {"type": "namespace", "name": "n", "tools": [
                      {"type": "function", "name": "f", "parameters": schema}]},
                  {"type": "web_search"}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto",
                        "tools": [{"type": "function", "name": "f"}]},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}},
        "include": ["message.output_text.logprobs"], "top_logprobs": 2, "metadata": {"a": "b"}}
    second = {"input": [{"type": "item_reference", "id": "msg_0_0"},
                        {"role": "user", "content": "b"}],
              "previous_response_id": "resp_0", "truncation": "auto", "stream": True,
              "reasoning": {"summary": "auto"}}
    pair = [json.dumps(body).encode() for body in (first, second)]
    for route in range(2, 8):
        parts = (b"\6\0" + pair[0], b"\6\1" + pair[1], bytes([route, 0]) + pair[1])
        yield f"responses{route}", b"\xfe".join(parts)


def charsmap(rules):
    """Character maps as SentencePiece writes them; every node has 256 units to itself."""
    nodes = sorted({text[:length] for text in rules for length in range(len(text) + 1)})
    block = {node: i + 1 for i, node in enumerate(nodes)}
    units, replacements = [0x80000000] * (256 * (len(nodes) + 1)), b""
    for node in nodes:
        at = 256 * block[node[:-1]] ^ node[-1] if node else 0
        base = 256 * block[node]
        units[at] = (node[-1] if node else 0) | (at ^ base) << 10 | (node in rules) << 8
        if node in rules:
            units[base] = 0x80000000 | len(replacements)
            replacements += rules[node] + b"\0"
    array = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(array)) + array + replacements


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    seeds = {"fuzz_dialects": dict(dialect_seeds()),
             "fuzz_gguf": dict(gguf_seeds()),
             "fuzz_importance": dict(importance_seeds()),
             "fuzz_prefix_file": dict(prefix_file_seeds()),
             "fuzz_reply": dict(reply_seeds()),
             "fuzz_grammar": dict(grammar_seeds()),
             "fuzz_safetensors": dict(safetensors_seeds()),
             "fuzz_template": dict(template_seeds()),
             "fuzz_tokenizer": {**{f"text{i}": t.encode() for i, t in enumerate(TEXTS)},
                                "charsmap": charsmap({b"a": b"b", b"ab": b"c"})},
             "fuzz_utf8_stop": {f"text{i}": b"\xfe".join(
                 [s.encode() for s in STOPS] + [t.encode()[:4], t.encode()[4:]])
                 for i, t in enumerate(TEXTS)}}
    for target, inputs in seeds.items():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in inputs.items():
            (folder / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
