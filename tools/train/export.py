#!/usr/bin/python3
"""Turns a checkpoint of train.py into a GGUF file. Needs numpy, torch, sentencepiece.

    export.py RUN/checkpoint.pt --tokenizer tok4096.model --type Q8_0 -o model.gguf

In place of the checkpoint an F32 GGUF file of this model can be given, to quantize it again.
"""

import argparse

import sentencepiece
import torch

import gguf_reader
import gguf_writer
import model

FILE_TYPES = {"F32": 0, "Q8_0": 7}
QUANTIZATION_VERSION = 2

# tokenizer.ggml.token_type
NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6


def load(path):
    """Returns the configuration, the weights by tensor name, and the number of steps (or None)."""
    if path.endswith(".gguf"):
        file = gguf_reader.Gguf(path)
        return model.config_from_gguf(file.metadata), file.all_weights(), None
    checkpoint = torch.load(path, map_location="cpu")
    weights = {name: tensor.float().numpy() for name, tensor in checkpoint["model"].items()}
    return model.Config(**checkpoint["config"]), weights, checkpoint["step"]


def token_type(pieces, i):
    if pieces.is_unknown(i):
        return UNKNOWN
    if pieces.is_control(i):
        return CONTROL
    if pieces.is_byte(i):
        return BYTE
    return UNUSED if pieces.is_unused(i) else NORMAL


def write_general(out, args, steps):
    description = args.description
    if description is None:
        description = "Llama trained from scratch on simple English stories"
        if steps is not None:
            description += f" ({steps} steps)"
    out.key("general.architecture", "string", "llama")
    out.key("general.name", "string", args.name)
    out.key("general.description", "string", description)
    out.key("general.type", "string", "model")
    out.key("general.file_type", "u32", FILE_TYPES[args.type])
    out.key("general.alignment", "u32", gguf_writer.ALIGNMENT)
    if args.type != "F32":
        out.key("general.quantization_version", "u32", QUANTIZATION_VERSION)


def write_shape(out, config):
    out.key("llama.context_length", "u32", config.context)
    out.key("llama.embedding_length", "u32", config.width)
    out.key("llama.block_count", "u32", config.layers)
    out.key("llama.feed_forward_length", "u32", config.ff)
    out.key("llama.attention.head_count", "u32", config.heads)
    out.key("llama.attention.head_count_kv", "u32", config.kv_heads)
    out.key("llama.attention.layer_norm_rms_epsilon", "f32", config.eps)
    out.key("llama.rope.dimension_count", "u32", config.head_width)
    out.key("llama.rope.freq_base", "f32", config.theta)
    out.key("llama.vocab_size", "u32", config.vocab)


def write_tokenizer(out, pieces):
    ids = range(pieces.get_piece_size())
    out.key("tokenizer.ggml.model", "string", "llama")
    out.key("tokenizer.ggml.pre", "string", "default")
    out.array("tokenizer.ggml.tokens", "string", [pieces.id_to_piece(i) for i in ids])
    out.array("tokenizer.ggml.scores", "f32", [pieces.get_score(i) for i in ids])
    out.array("tokenizer.ggml.token_type", "i32", [token_type(pieces, i) for i in ids])
    out.key("tokenizer.ggml.bos_token_id", "u32", pieces.bos_id())
    out.key("tokenizer.ggml.eos_token_id", "u32", pieces.eos_id())
    out.key("tokenizer.ggml.unknown_token_id", "u32", pieces.unk_id())
    out.key("tokenizer.ggml.add_bos_token", "bool", True)
    out.key("tokenizer.ggml.add_eos_token", "bool", False)
    out.key("tokenizer.ggml.add_space_prefix", "bool", True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="checkpoint.pt, or an F32 GGUF file")
    parser.add_argument("--tokenizer", required=True, help="SentencePiece model")
    parser.add_argument("--type", choices=sorted(FILE_TYPES), default="Q8_0")
    parser.add_argument("--name", default="hearth-stories")
    parser.add_argument("--description")
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()

    config, weights, steps = load(args.model)
    pieces = sentencepiece.SentencePieceProcessor(model_file=args.tokenizer)
    if pieces.get_piece_size() != config.vocab:
        parser.error(f"the tokenizer has {pieces.get_piece_size()} pieces, "
                     f"the model {config.vocab}")
    out = gguf_writer.Writer()
    write_general(out, args, steps)
    write_shape(out, config)
    write_tokenizer(out, pieces)
    for name, array in weights.items():
        # Norms are a thousandth of the bytes and every activation passes through them: they stay.
        out.tensor(name, array, quantized=args.type == "Q8_0" and array.ndim == 2)
    out.write(args.output)
    print(f"{args.output}: {len(weights)} tensors, {args.type}")


if __name__ == "__main__":
    main()
