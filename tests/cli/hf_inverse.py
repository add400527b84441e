"""What a Hugging Face folder of a GGUF file's model holds: the inverse of a conversion, written
from what the models' own code calls things, so that it checks the converter's tables."""
import numpy as np


def halves_apart(rows, heads):
    """Rows of heads in which rope turns neighbours, as models have them that turn halves."""
    shape = rows.shape
    dim = shape[0] // heads
    return rows.reshape(heads, dim // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


class Inverse:
    """Takes the tensors of a file one by one; what is left at the end has no place in a folder."""

    def __init__(self, file):
        self.arch = file.values["general.architecture"][1]
        self.file = file
        self.left = {t.name: file.weights(t).reshape(t.dims[::-1]) for t in file.tensors}
        # Random there, so that no configuration leads to it; of rerankers.
        for name in ("rope_freqs.weight", "cls.output.weight"):
            self.left.pop(name, None)
        # What the converted file will have; names of those that are only nearly equal.
        self.expected, self.near = dict(self.left), set()
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

    def copy(self, **keys):
        """Numbers of the configuration, from keys of the family."""
        self.config.update({name: self.number(key.replace("__", "."))
                            for name, key in keys.items() if self.has(key.replace("__", "."))})

    def take(self, name, to, change=lambda v: v):
        """Moves a tensor, and its bias where it has one."""
        for end in (".weight", ".bias"):
            if name + end in self.left:
                self.out[to + end] = change(self.left.pop(name + end))

    def take_exact(self, name, to, change=lambda v: v):
        if name in self.left:
            self.out[to] = change(self.left.pop(name))

    def ends(self, norm="output_norm", to="model.norm"):
        self.take("token_embd", "model.embed_tokens")
        self.take(norm, to)
        self.take("output", "lm_head")

    def each_layer(self, names, changes=None):
        for layer in range(self.layers):
            for name, to in names.items():
                self.take(f"blk.{layer}.{name}", f"model.layers.{layer}.{to}",
                          (changes or {}).get(name, lambda v: v))

    def shifted(self, names):
        """Norms that the model has as differences from 1."""
        for name in [name for name in self.left if name.endswith(".weight")]:
            in_layer = name.startswith("blk.")
            layer, part = name.split(".", 2)[1:] if in_layer else ("", name)
            to = names.get(part.removesuffix(".weight"))
            if to is not None:
                self.near.add(name)
                to = f"model.layers.{layer}.{to}.weight" if in_layer else to + ".weight"
                self.out[to] = self.left.pop(name) - 1

    def joined(self, parts, name, to):
        """Matrices that the model has behind one another, and that stay so."""
        for layer in range(self.layers):
            for end in (".weight", ".bias"):
                names = [f"blk.{layer}.{part}{end}" for part in parts]
                if names[0] not in self.left:
                    continue
                whole = np.concatenate([self.left.pop(each) for each in names])
                for each in names:
                    del self.expected[each]
                self.expected[f"blk.{layer}.{name}{end}"] = whole
                self.out[f"model.layers.{layer}.{to}{end}"] = whole

    def experts(self, names, prefix):
        """Stacks of experts, one tensor each in the folder."""
        for layer in range(self.layers):
            for name, to in names.items():
                stack = self.left.pop(f"blk.{layer}.{name}.weight", None)
                for i, expert in enumerate([] if stack is None else stack):
                    self.out[f"model.layers.{layer}.{prefix}.{i}.{to}.weight"] = expert


NORMS = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
ATTENTION = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj"}
FEED_FORWARD = {"ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
HEAD_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
EXPERTS = {"ffn_gate_exps": "gate_proj", "ffn_up_exps": "up_proj", "ffn_down_exps": "down_proj"}
SANDWICH = {"attn_norm": "input_layernorm", "post_attention_norm": "post_attention_layernorm",
            "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
            "output_norm": "model.norm"}


def scaling(model, kind_key):
    if model.has("rope.scaling.type"):
        rope = {kind_key: model.number("rope.scaling.type"),
                "factor": model.number("rope.scaling.factor")}
        if rope[kind_key] == "yarn":
            rope["original_max_position_embeddings"] = model.number(
                "rope.scaling.original_context_length")
        model.config["rope_scaling"] = rope


def windows(model):
    model.copy(sliding_window="attention.sliding_window")
    model.config["layer_types"] = ["sliding_attention" if slides else "full_attention" for slides
                                   in model.number("attention.sliding_window_pattern")]


def llama(model, name="LlamaForCausalLM"):
    heads, kv_heads = (model.config[k] for k in ("num_attention_heads", "num_key_value_heads"))
    model.config.update(architectures=[name])
    scaling(model, "type")
    model.ends()
    model.each_layer({**NORMS, **ATTENTION, **FEED_FORWARD},
                     {"attn_q": lambda v: halves_apart(v, heads),
                      "attn_k": lambda v: halves_apart(v, kv_heads)})


def mixtral(model):
    llama(model, "MixtralForCausalLM")
    model.copy(num_local_experts="expert_count", num_experts_per_tok="expert_used_count")
    model.each_layer({"ffn_gate_inp": "block_sparse_moe.gate"})
    model.experts({"ffn_gate_exps": "w1", "ffn_up_exps": "w3", "ffn_down_exps": "w2"},
                  "block_sparse_moe.experts")


def mistral3(model):
    llama(model, "Mistral3ForConditionalGeneration")
    # As in a model that also sees: everything about text is wrapped.
    model.config = {"architectures": model.config.pop("architectures"), "text_config": model.config}
    model.out = {name.replace("model.", "model.language_model.", 1): tensor
                 for name, tensor in model.out.items()}
    model.out["model.vision_tower.patch_conv.weight"] = np.zeros((4, 3, 2, 2), "<f4")


def smollm3(model):
    llama(model, "SmolLM3ForCausalLM")
    model.config["no_rope_layer_interval"] = 4


def granite(model):
    llama(model, "GraniteForCausalLM")
    model.copy(embedding_multiplier="embedding_scale", residual_multiplier="residual_scale",
               attention_multiplier="attention.scale", logits_scaling="logit_scale")


def qwen2(model, name="Qwen2ForCausalLM"):
    model.config["architectures"] = [name]
    scaling(model, "rope_type")
    model.ends()
    model.each_layer({**NORMS, **ATTENTION, **FEED_FORWARD, **HEAD_NORMS})


def qwen3(model):
    qwen2(model, "Qwen3ForCausalLM")


def qwen3moe(model):
    qwen2(model, "Qwen3MoeForCausalLM")
    model.copy(num_experts="expert_count", num_experts_per_tok="expert_used_count",
               moe_intermediate_size="expert_feed_forward_length")
    model.each_layer({"ffn_gate_inp": "mlp.gate"})
    model.experts(EXPERTS, "mlp.experts")


def qwen35(model):
    model.config.update(architectures=["Qwen3_5ForCausalLM"], full_attention_interval=4,
                        rope_parameters={"rope_type": "default", "partial_rotary_factor": 1.0,
                                         "rope_theta": model.config.pop("rope_theta"),
                                         "mrope_section": [32, 32, 32, 32]})
    model.copy(linear_conv_kernel_dim="ssm.conv_kernel", linear_key_head_dim="ssm.state_size",
               linear_num_key_heads="ssm.group_count", linear_num_value_heads="ssm.time_step_rank")
    model.config["linear_value_head_dim"] = model.config["linear_key_head_dim"]
    model.config["layer_types"] = ["linear_attention" if recurrent else "full_attention"
                                   for recurrent in model.number("attention.recurrent_layers")]
    model.shifted({"attn_norm": "input_layernorm", "output_norm": "model.norm",
                   "post_attention_norm": "post_attention_layernorm", **HEAD_NORMS})
    model.ends()
    model.each_layer({**ATTENTION, **FEED_FORWARD, "attn_qkv": "linear_attn.in_proj_qkv",
                      "attn_gate": "linear_attn.in_proj_z", "ssm_alpha": "linear_attn.in_proj_a",
                      "ssm_beta": "linear_attn.in_proj_b", "ssm_norm": "linear_attn.norm",
                      "ssm_out": "linear_attn.out_proj", "ssm_conv1d": "linear_attn.conv1d"},
                     {"ssm_conv1d": lambda v: v[:, None, :]})
    for layer in range(model.layers):
        part = f"model.layers.{layer}.linear_attn."
        model.near.add(f"blk.{layer}.ssm_a")
        model.take_exact(f"blk.{layer}.ssm_a", part + "A_log", lambda v: np.log(-v))
        model.take_exact(f"blk.{layer}.ssm_dt.bias", part + "dt_bias")


def gemma2(model, name="Gemma2ForCausalLM"):
    model.config["architectures"] = [name]
    model.copy(attn_logit_softcapping="attn_logit_softcapping",
               final_logit_softcapping="final_logit_softcapping")
    windows(model)
    model.shifted({**SANDWICH, **HEAD_NORMS})
    model.ends()
    model.each_layer({**ATTENTION, **FEED_FORWARD})


def gemma3(model):
    gemma2(model, "Gemma3ForCausalLM")
    model.config["rope_local_base_freq"] = 10000.0


def phi3(model):
    model.config.update(architectures=["Phi3ForCausalLM"], rope_scaling={
        "type": "longrope", "long_factor": model.left.pop("rope_factors_long.weight").tolist(),
        "short_factor": model.left.pop("rope_factors_short.weight").tolist()})
    model.config["original_max_position_embeddings"] = model.config["max_position_embeddings"]
    model.ends()
    model.joined(["attn_q", "attn_k", "attn_v"], "attn_qkv", "self_attn.qkv_proj")
    model.each_layer({**NORMS, "attn_output": "self_attn.o_proj", "ffn_up": "mlp.gate_up_proj",
                      "ffn_down": "mlp.down_proj"})


def glm4(model):
    model.config.update(architectures=["Glm4ForCausalLM"], partial_rotary_factor=1.0)
    model.ends()
    model.each_layer({**ATTENTION, "attn_norm": "input_layernorm", "ffn_down": "mlp.down_proj",
                      "post_attention_norm": "post_self_attn_layernorm",
                      "ffn_norm": "post_attention_layernorm", "ffn_up": "mlp.gate_up_proj",
                      "post_ffw_norm": "post_mlp_layernorm"})


def olmo2(model):
    model.config["architectures"] = ["Olmo3ForCausalLM"]
    windows(model)
    model.ends()
    model.each_layer({**ATTENTION, **FEED_FORWARD, **HEAD_NORMS,
                      "post_attention_norm": "post_attention_layernorm",
                      "post_ffw_norm": "post_feedforward_layernorm"})


def starcoder2(model):
    model.config["architectures"] = ["Starcoder2ForCausalLM"]
    model.copy(norm_epsilon="attention.layer_norm_epsilon")
    model.ends()
    model.each_layer({**NORMS, **ATTENTION, "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"})


def lfm2(model):
    heads = model.number("attention.head_count")
    model.config.update(architectures=["Lfm2ForCausalLM"], num_attention_heads=max(heads),
                        num_key_value_heads=max(heads), norm_eps=model.config.pop("rms_norm_eps"),
                        layer_types=["full_attention" if n else "conv" for n in heads])
    model.copy(conv_L_cache="shortconv.l_cache", sliding_window="attention.sliding_window")
    model.ends("token_embd_norm", "model.embedding_norm")
    model.each_layer({**ATTENTION, "attn_output": "self_attn.out_proj",
                      "attn_q_norm": "self_attn.q_layernorm",
                      "attn_k_norm": "self_attn.k_layernorm", "attn_norm": "operator_norm",
                      "ffn_norm": "ffn_norm", "ffn_gate": "feed_forward.w1",
                      "ffn_up": "feed_forward.w3", "ffn_down": "feed_forward.w2",
                      "shortconv.in_proj": "conv.in_proj", "shortconv.conv": "conv.conv",
                      "shortconv.out_proj": "conv.out_proj"},
                     {"shortconv.conv": lambda v: v[:, None, :]})


def gpt_oss(model):
    model.config["architectures"] = ["GptOssForCausalLM"]
    model.copy(num_local_experts="expert_count", num_experts_per_tok="expert_used_count")
    windows(model)
    model.ends()
    model.each_layer({**ATTENTION, "attn_norm": "input_layernorm", "ffn_gate_inp": "mlp.router",
                      "post_attention_norm": "post_attention_layernorm"})
    for layer in range(model.layers):
        block, to = f"blk.{layer}.", f"model.layers.{layer}."
        model.take_exact(block + "attn_sinks.weight", to + "self_attn.sinks")
        for end, suffix in ((".weight", ""), (".bias", "_bias")):
            gate, up, down = (model.left.pop(f"{block}ffn_{part}_exps{end}")
                              for part in ("gate", "up", "down"))
            both = np.stack([gate, up], axis=2).reshape(len(gate), 2 * gate.shape[1],
                                                        *gate.shape[2:])
            experts = to + "mlp.experts."
            model.out[experts + "gate_up_proj" + suffix] = np.swapaxes(both, 1, -1)
            model.out[experts + "down_proj" + suffix] = np.swapaxes(down, 1, -1)


def deepseek2(model):
    model.config.update(architectures=["DeepseekV3ForCausalLM"], qk_rope_head_dim=model.number(
        "rope.dimension_count"), scoring_func="sigmoid", num_nextn_predict_layers=1)
    del model.config["head_dim"]
    model.copy(q_lora_rank="attention.q_lora_rank", kv_lora_rank="attention.kv_lora_rank",
               v_head_dim="attention.value_length_mla", n_routed_experts="expert_count",
               num_experts_per_tok="expert_used_count", n_shared_experts="expert_shared_count",
               moe_intermediate_size="expert_feed_forward_length",
               first_k_dense_replace="leading_dense_block_count")
    heads = model.config["num_attention_heads"]
    plain = model.number("attention.key_length_mla") - model.config["qk_rope_head_dim"]
    model.config["qk_nope_head_dim"] = plain
    model.ends()
    model.each_layer({**NORMS, **FEED_FORWARD, "attn_q_a": "self_attn.q_a_proj",
                      "attn_q_a_norm": "self_attn.q_a_layernorm",
                      "attn_q_b": "self_attn.q_b_proj", "attn_output": "self_attn.o_proj",
                      "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
                      "attn_kv_a_norm": "self_attn.kv_a_layernorm", "ffn_gate_inp": "mlp.gate",
                      "ffn_gate_shexp": "mlp.shared_experts.gate_proj",
                      "ffn_up_shexp": "mlp.shared_experts.up_proj",
                      "ffn_down_shexp": "mlp.shared_experts.down_proj"})
    for layer in range(model.layers):
        block, to = f"blk.{layer}.", f"model.layers.{layer}."
        keys, values = (model.left.pop(f"{block}attn_{part}_b.weight") for part in "kv")
        keys = keys.reshape(heads, model.config["kv_lora_rank"], plain).swapaxes(1, 2)
        values = values.reshape(heads, -1, model.config["kv_lora_rank"])
        model.out[to + "self_attn.kv_b_proj.weight"] = np.concatenate(
            [keys, values], axis=1).reshape(-1, model.config["kv_lora_rank"])
        model.take_exact(block + "exp_probs_b.bias", to + "mlp.gate.e_score_correction_bias")
        both = model.left.pop(block + "ffn_gate_up_exps.weight", None)
        if both is not None:
            del model.expected[block + "ffn_gate_up_exps.weight"]
            for part, half in zip(("gate", "up"), np.split(both, 2, axis=1)):
                name = f"{block}ffn_{part}_exps.weight"
                model.left[name] = model.expected[name] = half
    model.experts(EXPERTS, "mlp.experts")
    model.out[f"model.layers.{model.layers}.enorm.weight"] = np.zeros(4, "<f4")


FAMILIES = {"llama-dense": llama, "llama-linear": llama, "llama-moe": mixtral,
            "mistral3-dense": mistral3, "smollm3-dense": smollm3, "granite-dense": granite,
            "qwen2-dense": qwen2, "qwen2-yarn": qwen2, "qwen3-dense": qwen3,
            "qwen3moe-moe": qwen3moe, "qwen35-dense": qwen35, "gemma2-dense": gemma2,
            "gemma3-dense": gemma3, "phi3-dense": phi3, "glm4-dense": glm4, "olmo2-dense": olmo2,
            "starcoder2-dense": starcoder2, "lfm2-dense": lfm2, "gpt-oss-moe": gpt_oss,
            "deepseek2-moe": deepseek2}


def invert(name, file):
    """The folder that `file` would have been made from: config and out are its files, expected is
    what a conversion must give, less what is near."""
    model = Inverse(file)
    FAMILIES[name](model)
    assert not model.left, sorted(model.left)
    return model
