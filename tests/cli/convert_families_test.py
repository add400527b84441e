#!/usr/bin/python3
"""hearth convert: what the reference models do not have, tensor by tensor."""
import json
import unittest

import numpy as np

import embed_test
import hearth
import hf_folder
from convert_test import TOKENS, plain_logits, small_model
from gguf_file import GgufFile

FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], "<f4")
FP4 = np.concatenate([FP4, -FP4])


class Families(hearth.Case):
    def setUp(self):
        super().setUp()
        self.rng = np.random.default_rng(7)

    def matrix(self, *shape):
        return self.rng.normal(0, shape[-1] ** -0.5, shape).astype("<f4")

    def convert(self, config, tensors, tokenizer=None, *flags):
        folder = hf_folder.write(self.folder / "model", config, tensors,
                                 tokenizer or hf_folder.byte_level(128))
        path = self.folder / "out.gguf"
        self.succeed("convert", str(folder), str(path), "--force", *flags)
        file = GgufFile(path.read_bytes())
        return path, file, {t.name: t for t in file.tensors}

    def assert_same(self, file, tensor, want):
        self.assertEqual([d for d in tensor.dims if d != 1],
                         [d for d in want.shape[::-1] if d != 1], tensor.name)
        self.assertEqual(file.weights(tensor).tobytes(), want.astype("<f4").tobytes(), tensor.name)


class Llama(Families):
    def test_rope_of_llama_3(self):
        """The divisors, as the model's own code makes them, and the logits that follow."""
        config, tensors = small_model(width=64, heads=2)
        for name in ("rope_scaling", "rope_parameters"):
            rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
            if name == "rope_parameters":
                rope["rope_theta"] = config.pop("rope_theta")
            _, file, found = self.convert({**config, name: rope}, tensors)
            lengths = 2 * np.pi * 10000.0 ** (np.arange(16) / 16)
            mix = (64 / lengths - 1) / 3
            want = np.where(lengths < 16, 1, np.where(
                lengths > 64, 8, 1 / ((1 - mix) / 8 + mix)))
            np.testing.assert_allclose(file.weights(found["rope_freqs.weight"]), want, rtol=1e-5)
            self.assertEqual(file.number("llama.rope.freq_base"), 10000.0)

    def test_yarn(self):
        config, tensors = small_model(bias=True)
        config["rope_scaling"] = {"type": "yarn", "factor": 4.0, "beta_fast": 16, "beta_slow": 2,
                                  "original_max_position_embeddings": 64,
                                  "attention_factor": 1.25}
        _, file, _ = self.convert(config, tensors)
        for key, value in (("type", "yarn"), ("factor", 4.0), ("original_context_length", 64),
                           ("yarn_beta_fast", 16.0), ("yarn_beta_slow", 2.0),
                           ("yarn_attn_factor", 1.25)):
            self.assertEqual(file.number("qwen2.rope.scaling." + key), value)

    def test_ministral(self):
        config, tensors = small_model()
        config.update(architectures=["Ministral3ForCausalLM"], rope_parameters={
            "rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 64,
            "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1, "rope_theta": 1e6})
        _, file, _ = self.convert(config, tensors)
        self.assertEqual(file.number("mistral3.rope.scaling.yarn_log_multiplier"), 1.0)
        self.assertAlmostEqual(file.number("mistral3.attention.temperature_scale"), 0.1, 6)
        self.assertEqual(file.number("mistral3.rope.freq_base"), 1e6)

    def test_names_of_wrapped_and_bare_models(self):
        config, tensors = small_model()
        want = plain_logits(config, tensors, TOKENS)
        bare = {name.removeprefix("model."): array for name, array in tensors.items()}
        wrapped = {"language_model." + name: array for name, array in tensors.items()}
        for kind in (bare, wrapped):
            path, _, _ = self.convert(config, kind)
            self.assertLess(float(np.abs(self.logits(path, TOKENS) - want).max()), 2e-4)


class Experts(Families):
    def test_stacks(self):
        """Experts of Qwen 3 in one tensor with gate and up behind each other."""
        config, tensors = small_model(heads=2, kv_heads=2, layers=1)
        config.update(architectures=["Qwen3MoeForCausalLM"], num_experts=3, num_experts_per_tok=2,
                      moe_intermediate_size=32)
        block = "model.layers.0."
        for name in [name for name in tensors if ".mlp." in name]:
            del tensors[name]
        both, down = self.matrix(3, 64, 64), self.matrix(3, 64, 32)
        tensors.update({block + "mlp.experts.gate_up_proj": both, block + "mlp.gate.weight":
                        self.matrix(3, 64), block + "mlp.experts.down_proj": down,
                        block + "self_attn.q_norm.weight": self.matrix(32),
                        block + "self_attn.k_norm.weight": self.matrix(32)})
        _, file, found = self.convert(config, tensors)
        self.assert_same(file, found["blk.0.ffn_gate_exps.weight"], both[:, :32])
        self.assert_same(file, found["blk.0.ffn_up_exps.weight"], both[:, 32:])
        self.assert_same(file, found["blk.0.ffn_down_exps.weight"], down)

    def gpt_oss(self, blocks):
        """A gpt-oss of one layer with experts in MXFP4, or with what their blocks stand for."""
        config, tensors = small_model(heads=2, kv_heads=2, layers=1)
        config.update(architectures=["GptOssForCausalLM"], num_local_experts=2, head_dim=32,
                      num_experts_per_tok=1, sliding_window=16, intermediate_size=32,
                      layer_types=["sliding_attention"])
        block = "model.layers.0."
        for name in [name for name in tensors if ".mlp." in name]:
            del tensors[name]
        tensors.update({
            block + "self_attn.sinks": self.matrix(2), block + "mlp.router.weight":
            self.matrix(2, 64), block + "mlp.router.bias": self.matrix(2),
            block + "mlp.experts.gate_up_proj_bias": self.matrix(2, 64),
            block + "mlp.experts.down_proj_bias": self.matrix(2, 64)})
        for part, rows, columns in (("gate_up_proj", 64, 64), ("down_proj", 64, 32)):
            pairs = self.rng.integers(0, 256, (2, rows, columns // 32, 16)).astype(np.uint8)
            scales = self.rng.integers(120, 126, (2, rows, columns // 32)).astype(np.uint8)
            values = np.stack([FP4[pairs & 15], FP4[pairs >> 4]], axis=-1).reshape(
                2, rows, columns // 32, 32) * 2.0 ** (scales[..., None].astype(float) - 127)
            if blocks:
                tensors[f"{block}mlp.experts.{part}_blocks"] = pairs
                tensors[f"{block}mlp.experts.{part}_scales"] = scales
            else:
                tensors[f"{block}mlp.experts.{part}"] = values.reshape(
                    2, rows, columns).swapaxes(1, 2).astype("<f4")
        return config, tensors

    def test_mxfp4_stands_for_the_same(self):
        path, _, found = self.convert(*self.gpt_oss(True))
        self.assertEqual({found[f"blk.0.ffn_{part}_exps.weight"].kind
                          for part in ("gate", "up", "down")}, {39})
        in_blocks = self.logits(path, TOKENS, "--exact")
        self.rng = np.random.default_rng(7)
        path, _, found = self.convert(*self.gpt_oss(False))
        self.assertEqual(found["blk.0.ffn_up_exps.weight"].kind, 0)
        plain = self.logits(path, TOKENS, "--exact")
        self.assertLess(float(np.abs(in_blocks - plain).max()), 1e-4)


class DeltaNets(Families):
    def test_shared_heads_of_keys(self):
        """Heads of values stand by the keys they share; GGUF has the first of each first."""
        key_heads, value_heads, dim, width = 2, 6, 16, 64
        config, tensors = small_model(heads=2, kv_heads=2, layers=2)
        config.update(architectures=["Qwen3_5ForCausalLM"], linear_num_key_heads=key_heads,
                      linear_num_value_heads=value_heads, linear_key_head_dim=dim,
                      linear_value_head_dim=dim, linear_conv_kernel_dim=4, head_dim=32,
                      layer_types=["linear_attention", "full_attention"],
                      rope_parameters={"rope_theta": 1e7, "partial_rotary_factor": 0.25})
        for name in [name for name in tensors if "layers.0.self_attn" in name]:
            del tensors[name]
        full = "model.layers.1.self_attn."
        tensors[full + "q_proj.weight"] = self.matrix(128, width)
        tensors[full + "q_norm.weight"] = tensors[full + "k_norm.weight"] = np.zeros(32, "<f4")
        values, keys = value_heads * dim, key_heads * dim
        delta = {"in_proj_qkv.weight": self.matrix(2 * keys + values, width),
                 "in_proj_z.weight": self.matrix(values, width),
                 "in_proj_a.weight": self.matrix(value_heads, width),
                 "in_proj_b.weight": self.matrix(value_heads, width),
                 "conv1d.weight": self.matrix(2 * keys + values, 1, 4),
                 "A_log": self.matrix(value_heads), "dt_bias": self.matrix(value_heads),
                 "norm.weight": self.matrix(dim), "out_proj.weight": self.matrix(width, values)}
        tensors.update({"model.layers.0.linear_attn." + k: v for k, v in delta.items()})
        _, file, found = self.convert(config, tensors)
        # Head v of GGUF shares key head v % key_heads.
        order = [k * (value_heads // key_heads) + r for r in range(value_heads // key_heads)
                 for k in range(key_heads)]
        rows = np.concatenate([np.arange(h * dim, (h + 1) * dim) for h in order])
        behind = np.concatenate([np.arange(2 * keys), 2 * keys + rows])
        for name, want in (("attn_qkv.weight", delta["in_proj_qkv.weight"][behind]),
                           ("attn_gate.weight", delta["in_proj_z.weight"][rows]),
                           ("ssm_alpha.weight", delta["in_proj_a.weight"][order]),
                           ("ssm_beta.weight", delta["in_proj_b.weight"][order]),
                           ("ssm_conv1d.weight", delta["conv1d.weight"][behind, 0]),
                           ("ssm_dt.bias", delta["dt_bias"][order]),
                           ("ssm_norm.weight", delta["norm.weight"]),
                           ("ssm_out.weight", delta["out_proj.weight"][:, rows])):
            self.assert_same(file, found["blk.0." + name], want)
        np.testing.assert_allclose(file.weights(found["blk.0.ssm_a"]),
                                   -np.exp(delta["A_log"][order]), rtol=1e-6)
        self.assertEqual(file.number("qwen35.rope.dimension_count"), 8)


class Gemma4(Families):
    def test_small_with_inputs_of_layers(self):
        width, inputs, layers = 64, 16, 4
        config = {"architectures": ["Gemma4ForConditionalGeneration"], "text_config": {
            "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 2,
            "num_key_value_heads": 1, "head_dim": 16, "global_head_dim": 32,
            "intermediate_size": 96, "max_position_embeddings": 256, "vocab_size": 128,
            "rms_norm_eps": 1e-6, "sliding_window": 16, "num_kv_shared_layers": 2,
            "use_double_wide_mlp": True, "hidden_size_per_layer_input": inputs,
            "final_logit_softcapping": 30.0,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
            "rope_parameters": {
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25,
                                   "rope_theta": 1000000.0}}}}
        tensors = {"embed_tokens.weight": self.matrix(128, width),
                   "embed_tokens_per_layer.weight": self.matrix(128, layers * inputs),
                   "per_layer_model_projection.weight": self.matrix(layers * inputs, width),
                   "per_layer_projection_norm.weight": self.matrix(inputs),
                   "norm.weight": self.matrix(width)}
        for layer in range(layers):
            block, dim = f"layers.{layer}.", 32 if layer % 2 else 16
            n_ff = 96 if layer < 2 else 192
            for norm in ("input", "post_attention", "pre_feedforward", "post_feedforward"):
                tensors[f"{block}{norm}_layernorm.weight"] = self.matrix(width)
            tensors.update({
                block + "self_attn.q_proj.weight": self.matrix(2 * dim, width),
                block + "self_attn.o_proj.weight": self.matrix(width, 2 * dim),
                block + "self_attn.q_norm.weight": self.matrix(dim),
                block + "mlp.gate_proj.weight": self.matrix(n_ff, width),
                block + "mlp.up_proj.weight": self.matrix(n_ff, width),
                block + "mlp.down_proj.weight": self.matrix(width, n_ff),
                block + "per_layer_input_gate.weight": self.matrix(inputs, width),
                block + "per_layer_projection.weight": self.matrix(width, inputs),
                block + "post_per_layer_input_norm.weight": self.matrix(width),
                block + "layer_scalar": np.array([0.5], "<f4")})
            if layer < 2:
                tensors.update({block + "self_attn.k_proj.weight": self.matrix(dim, width),
                                block + "self_attn.v_proj.weight": self.matrix(dim, width),
                                block + "self_attn.k_norm.weight": self.matrix(dim)})
        named = {"model.language_model." + name: array for name, array in tensors.items()}
        named["model.vision_tower.x.weight"] = self.matrix(4, 4)
        path, file, found = self.convert(config, named)
        self.assert_same(file, found["blk.3.proj.weight"],
                         tensors["layers.3.per_layer_projection.weight"])
        self.assertEqual(file.weights(found["rope_freqs.weight"]).tolist(),
                         [1] * 4 + [np.float32(1e30)] * 12)
        for key, value in (("feed_forward_length", [96, 96, 192, 192]),
                           ("attention.sliding_window_pattern", [1, 0, 1, 0]),
                           ("attention.key_length", 32), ("attention.key_length_swa", 16),
                           ("attention.shared_kv_layers", 2), ("rope.freq_base", 1e6),
                           ("rope.freq_base_swa", 1e4), ("rope.dimension_count", 32),
                           ("rope.dimension_count_swa", 16)):
            self.assertEqual(file.number("gemma4." + key), value, key)
        self.assertTrue(np.isfinite(self.logits(path, TOKENS)).all())


class Bert(Families):
    """The encoder whose embeddings embed_test compares with their definition, as a folder."""

    NAMES = {"attn_q": "attention.self.query", "attn_k": "attention.self.key",
             "attn_v": "attention.self.value", "attn_output": "attention.output.dense",
             "attn_output_norm": "attention.output.LayerNorm", "ffn_up": "intermediate.dense",
             "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm"}
    ENDS = {"token_embd": "word_embeddings", "position_embd": "position_embeddings",
            "token_types": "token_type_embeddings", "token_embd_norm": "LayerNorm"}

    def test_tensors_there_and_back(self):
        weights = embed_test.random_weights()
        tensors = {}
        for name, array in weights.items():
            stem, end = name.rsplit(".", 1)
            if stem in self.ENDS:
                tensors[f"bert.embeddings.{self.ENDS[stem]}.{end}"] = array
            else:
                _, layer, part = stem.split(".", 2)
                tensors[f"bert.encoder.layer.{layer}.{self.NAMES[part]}.{end}"] = array
        tensors["bert.pooler.dense.weight"] = np.zeros((4, 4), "<f4")
        words = [token if token[0] == "[" else token[1:] for token in embed_test.TOKENS]
        tokenizer = {"added_tokens": [{"id": i, "content": w, "special": True}
                                      for i, w in enumerate(words[:5])],
                     "normalizer": {"type": "BertNormalizer", "lowercase": True},
                     "model": {"type": "WordPiece", "unk_token": "[UNK]",
                               "vocab": {w: i for i, w in enumerate(words)}}}
        config = {"architectures": ["BertModel"], "hidden_size": embed_test.WIDTH,
                  "num_hidden_layers": embed_test.LAYERS, "layer_norm_eps": embed_test.EPS,
                  "num_attention_heads": embed_test.HEADS, "type_vocab_size": 2,
                  "intermediate_size": embed_test.HIDDEN, "vocab_size": len(words),
                  "max_position_embeddings": embed_test.POSITIONS}
        folder = self.folder / "model"
        (folder / "1_Pooling").mkdir(parents=True)
        (folder / "modules.json").write_text(json.dumps(
            [{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]))
        (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
        path, file, found = self.convert(config, tensors, tokenizer)
        self.assertEqual(sorted(found), sorted(weights))
        for name, array in weights.items():
            self.assert_same(file, found[name], array)
        self.assertEqual(file.number("bert.pooling_type"), 2)
        self.assertEqual(file.number("bert.attention.causal"), 0)
        self.assertEqual(file.values["tokenizer.ggml.tokens"][1], embed_test.TOKENS)
        vector = json.loads(self.succeed("embed", "-m", str(path), "the cat sat").text)
        self.assertAlmostEqual(float(np.linalg.norm(vector)), 1, 4)

    def test_roberta_leaves_out_positions(self):
        weights = embed_test.random_weights()
        tensors = {f"roberta.embeddings.{self.ENDS[n.rsplit('.', 1)[0]]}.{n.rsplit('.', 1)[1]}": a
                   for n, a in weights.items() if not n.startswith("blk.")}
        for name, array in weights.items():
            if name.startswith("blk."):
                _, layer, part, end = name.split(".")
                tensors[f"roberta.encoder.layer.{layer}.{self.NAMES[part]}.{end}"] = array
        config = {"architectures": ["XLMRobertaModel"], "hidden_size": embed_test.WIDTH,
                  "num_hidden_layers": embed_test.LAYERS, "layer_norm_eps": embed_test.EPS,
                  "num_attention_heads": embed_test.HEADS, "pad_token_id": 1,
                  "intermediate_size": embed_test.HIDDEN, "vocab_size": len(embed_test.TOKENS),
                  "max_position_embeddings": embed_test.POSITIONS}
        pieces = [[f"t{i}", -float(i)] for i in range(len(embed_test.TOKENS))]
        tokenizer = {"model": {"type": "Unigram", "unk_id": 3, "vocab": pieces}}
        _, file, found = self.convert(config, tensors, tokenizer)
        self.assert_same(file, found["position_embd.weight"], weights["position_embd.weight"][2:])
        self.assertEqual(file.number("bert.context_length"), embed_test.POSITIONS - 2)


if __name__ == "__main__":
    unittest.main()
