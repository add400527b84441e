#!/usr/bin/python3
"""hearth convert: what goes wrong is said in one line, and no half of a file is left behind."""
import json
import resource
import shutil
import signal
import struct
import time
import unittest

import numpy as np

import hearth
import hf_folder
from convert_test import small_model
from gguf_file import GgufFile


def sparse_model(folder, layers, n_ff=1 << 20):
    """A model whose feed-forward blocks are a hole in a file: 768 MB a layer that take no place."""
    config, tensors = small_model(layers=layers)
    config["intermediate_size"] = n_ff
    wide = [name for name in tensors if ".mlp." in name]
    for name in wide:
        del tensors[name]
    hf_folder.write(folder, config, tensors, hf_folder.byte_level(128))
    data = (folder / "model.safetensors").read_bytes()
    size, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    end = len(data) - 8 - size
    for name in wide:
        shape = [64, n_ff] if "down" in name else [n_ff, 64]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + n_ff * 256]}
        end += n_ff * 256
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data[8 + size:])
        file.truncate(8 + len(text) + end)
    return folder


class Errors(hearth.Case):
    def model(self, change=None, **options):
        config, tensors = small_model()
        if change is not None:
            change(config, tensors)
        return hf_folder.write(self.folder / "model", config, tensors, hf_folder.byte_level(128),
                               **options)

    def refused(self, folder, *words, code=1, flags=()):
        done = hearth.run("convert", str(folder), str(self.folder / "out.gguf"), *flags)
        self.assert_one_line(done, code, *words)
        self.assertFalse((self.folder / "out.gguf").exists())

    def changed(self, change, *words, flags=(), **options):
        folder = self.model(change, **options)
        self.refused(folder, *words, flags=flags)
        shutil.rmtree(folder)

    def test_configurations(self):
        def put(key, value):
            return lambda config, _: config.update({key: value})

        def drop(key):
            return lambda config, _: config.pop(key)
        self.changed(put("architectures", ["QwenForCausalLM"]), "'QwenForCausalLM'",
                     "qwen35", "did you mean 'Qwen2ForCausalLM'?")
        self.changed(drop("architectures"), "'architectures'")
        self.changed(drop("hidden_size"), "'hidden_size'", "config.json")
        self.changed(put("num_hidden_layers", 0), "'num_hidden_layers'")
        self.changed(put("num_hidden_layers", 2 ** 40), "'num_hidden_layers'")
        self.changed(put("num_attention_heads", "4"), "'num_attention_heads'")
        self.changed(put("num_attention_heads", 0), "'num_attention_heads'")
        self.changed(put("num_attention_heads", 5), "q_proj", "5 heads")
        self.changed(put("num_hidden_layers", 3), "'model.layers.2.", "missing")
        self.changed(put("num_hidden_layers", 1), "'model.layers.1.", "no place")
        self.changed(put("rope_scaling", {"rope_type": "weird", "factor": 2}), "'weird'")
        self.changed(put("rope_scaling", {"rope_type": "yarn"}), "'factor'")
        def no_experts(config, tensors):
            config.update(architectures=["MixtralForCausalLM"], num_local_experts=0)
            tensors.update({f"model.layers.{i}.block_sparse_moe.gate.weight": np.ones((2, 64))
                            for i in range(2)})
        self.changed(no_experts, "0 experts")
        self.changed(put("quantization_config", {"quant_method": "gptq"}), "'gptq'", "BF16")

    def test_weights(self):
        def not_a_number(_, tensors):
            tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = np.nan

        def infinite(_, tensors):
            tensors["model.norm.weight"][:2] = np.inf

        def large(_, tensors):
            tensors["lm_head.weight"][0, 0] = 1e6
        for flags in ((), ("--type", "Q8_0")):
            self.changed(not_a_number, "'blk.1.ffn_up.weight'", "1 weights", "NaN", flags=flags)
        self.changed(infinite, "'output_norm.weight'", "2 weights")
        self.changed(large, "'output.weight'", "too large", "BF16", flags=("--type", "F16"))
        self.changed(lambda _, t: t.update({"model.extra.weight": np.zeros(3)}),
                     "'model.extra.weight'", "no place")
        self.changed(lambda _, t: t.update({"norm.weight": np.ones(64)}), "1 tensors", "the same")
        self.changed(lambda _, t: t.pop("model.layers.0.mlp.up_proj.weight"),
                     "'model.layers.0.mlp.up_proj.weight'", "missing")
        self.changed(lambda _, t: t.update({"model.norm.weight": np.zeros(64, np.uint8)}),
                     "'model.norm.weight'", "U8")

    def test_files(self):
        folder = self.model()
        self.refused(self.folder / "none", "config.json", "no such file")
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            data = (folder / name).read_bytes()
            (folder / name).write_bytes(data[:len(data) // 2])
            self.refused(folder, name)
            (folder / name).unlink()
            self.refused(folder, name)
            (folder / name).write_bytes(data)
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        self.refused(folder, "pytorch_model.bin", "safetensors")

    def test_parts(self):
        folder = self.model(parts=2)
        index = folder / "model.safetensors.index.json"
        good = json.loads(index.read_text())

        def with_map(**changes):
            index.write_text(json.dumps({"weight_map": {**good["weight_map"], **changes}}))
        name = "model.norm.weight"
        with_map(**{name: "../x.safetensors"})
        self.refused(folder, name, "this folder")
        with_map(**{name: "/etc/passwd"})
        self.refused(folder, name, "this folder")
        with_map(**{name: "model-00009-of-00002.safetensors"})
        self.refused(folder, "model-00009-of-00002.safetensors", "no such file")
        with_map(more="model-00001-of-00002.safetensors")
        self.refused(folder, "'more' is missing")
        index.write_text("{}")
        self.refused(folder, "weight_map")
        index.write_text(json.dumps(good))
        part = folder / "model-00002-of-00002.safetensors"
        shutil.copy(folder / "model-00001-of-00002.safetensors", part)
        self.refused(folder, part.name, "another part")

    def test_usage(self):
        folder = self.model()
        self.assert_one_line(hearth.run("convert"), 2, "DIR")
        self.assert_one_line(hearth.run("convert", str(folder)), 2, "OUT.gguf")
        self.refused(folder, "auto, F32", code=2, flags=("--type", "Q4_K"))
        there = self.file("there.gguf", b"mine")
        self.assert_one_line(hearth.run("convert", str(folder), there), 2, "--force")
        self.assertEqual((self.folder / "there.gguf").read_bytes(), b"mine")
        self.succeed("convert", str(folder), there, "--force")
        self.assert_tidy("model", "there.gguf")
        self.assert_one_line(hearth.run("convert", str(folder), str(self.folder / "no/x.gguf")), 1,
                             "no such file")

    def test_a_dry_run_writes_nothing(self):
        text = self.succeed("convert", str(self.model()), "--dry-run").text
        self.assertIn("blk.1.attn_q.weight  F32  64 x 64  from model.layers.1.self_attn.q_proj",
                      text)
        self.assertIn("llama, ", text)
        self.assert_tidy("model")

    def test_a_full_disk_leaves_nothing(self):
        folder = self.model()

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        done = hearth.run("convert", str(folder), str(self.folder / "out.gguf"),
                          preexec_fn=small_files)
        self.assert_one_line(done, 1, "cannot write", "out.gguf")
        self.assert_tidy("model")

    def test_an_interruption_leaves_nothing(self):
        folder = sparse_model(self.folder / "model", 12)
        with self.started("convert", str(folder), str(self.folder / "out.gguf"), "--type", "Q8_0",
                          "-t", "1") as process:
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            done = self.end(process)
        self.assert_one_line(done, 130, "interrupted")
        self.assert_tidy("model")

    @unittest.skipIf(hearth.SANITIZED, "sanitizers take memory of their own")
    def test_memory_stays_small(self):
        folder = sparse_model(self.folder / "model", 1)

        def little_memory():
            resource.setrlimit(resource.RLIMIT_DATA, (128 << 20, 128 << 20))
        self.succeed("convert", str(folder), str(self.folder / "out.gguf"), "-t", "2", "--type",
                     "Q8_0", preexec_fn=little_memory)

    def test_progress(self):
        folder = sparse_model(self.folder / "model", 2)
        with hearth.Terminal("convert", str(folder), str(self.folder / "out.gguf"), "--type",
                             "Q8_0", "-t", "1") as terminal:
            terminal.wait_for("MB/s", 60)
            terminal.wait_for("left", 60)
            self.assertEqual(terminal.end(), 0)


class Formats(hearth.Case):
    """What weights are stored as."""

    def kinds(self, source, *flags):
        config, tensors = small_model(width=48, n_ff=64, heads=4)
        folder = hf_folder.write(self.folder / "model", config, tensors, hf_folder.byte_level(128),
                                 source)
        path = self.folder / "out.gguf"
        self.succeed("convert", str(folder), str(path), "--force", *flags)
        file = GgufFile(path.read_bytes())
        return {t.name: t.kind for t in file.tensors}, tensors, file

    def test_types(self):
        f32, f16, q8_0, bf16 = 0, 1, 8, 30
        for source, flags, matrix, file_type in (
                ("F32", (), f32, 0), ("BF16", (), bf16, 32), ("F16", (), f16, 1),
                ("F64", (), f32, 0), ("BF16", ("--type", "f16"), f16, 1),
                ("BF16", ("--type", "F32"), f32, 0), ("F32", ("--type", "bf16"), bf16, 32),
                ("F32", ("--type", "auto"), f32, 0)):
            with self.subTest(source=source, flags=flags):
                kinds, _, file = self.kinds(source, *flags)
                self.assertEqual(kinds["blk.0.ffn_up.weight"], matrix)
                self.assertEqual(kinds["token_embd.weight"], matrix)
                self.assertEqual(kinds["blk.0.attn_norm.weight"], f32)
                self.assertEqual(file.number("general.file_type"), file_type)
        kinds, tensors, file = self.kinds("F32", "--type", "Q8_0")
        self.assertEqual(kinds["blk.0.ffn_up.weight"], f16)  # 48 columns are no whole blocks
        self.assertEqual(kinds["blk.0.ffn_down.weight"], q8_0)
        down = next(t for t in file.tensors if t.name == "blk.0.ffn_down.weight")
        blocks = tensors["model.layers.0.mlp.down_proj.weight"].reshape(-1, 32)
        scales = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
        stored = scales.astype("<f2").astype("<f4")  # the nearest code is that of the stored scale
        want = np.clip(np.rint(blocks * (1 / stored)), -127, 127) * stored
        self.assertEqual(file.weights(down).reshape(-1, 32).tolist(), want.tolist())

    def test_eight_bits_with_scales(self):
        config, tensors = small_model(width=256, n_ff=384, heads=4)
        rng, wanted = np.random.default_rng(2), {}
        codes = [c for c in range(256) if c & 0x7F != 0x7F]
        values = np.zeros(256)
        for c in codes:
            exponent, mantissa = c >> 3 & 15, c & 7
            size = (mantissa if exponent == 0 else 8 + mantissa) * 2.0 ** (max(exponent, 1) - 10)
            values[c] = -size if c & 128 else size
        for name in [n for n in tensors if "mlp." in n]:
            shape = tensors[name].shape
            stored = rng.choice(codes, shape).astype(np.uint8)
            scales = rng.uniform(1e-4, 1e-3, [-(-n // 128) for n in shape]).astype("<f4")
            whole = np.kron(scales, np.ones((128, 128)))[:shape[0], :shape[1]].astype("<f4")
            wanted[name] = values[stored].astype("<f4") * whole
            tensors[name], tensors[name + "_scale_inv"] = stored, scales
        folder = hf_folder.write(self.folder / "model", config, tensors, hf_folder.byte_level(128))
        # The helper calls bytes U8.
        path = folder / "model.safetensors"
        data = path.read_bytes()
        size, = struct.unpack_from("<Q", data)
        text = data[8:8 + size].replace(b'"U8"', b'"F8_E4M3"')
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size:])
        self.succeed("convert", str(folder), str(self.folder / "out.gguf"), "--type", "F32")
        file = GgufFile((self.folder / "out.gguf").read_bytes())
        for tensor in file.tensors:
            if ".ffn_up" in tensor.name:
                layer = tensor.name.split(".")[1]
                want = wanted[f"model.layers.{layer}.mlp.up_proj.weight"]
                self.assertEqual(file.weights(tensor).tobytes(), want.tobytes())


if __name__ == "__main__":
    unittest.main()
