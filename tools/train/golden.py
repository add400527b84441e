#!/usr/bin/python3
"""Makes the golden numbers of a story model. Needs numpy, torch, sentencepiece.

    golden.py model.gguf --tokenizer tok4096.model -o golden.json --text val=val.txt
    golden.py model.gguf --tokenizer tok4096.model --compare golden.json

The model may be a GGUF file or a checkpoint of train.py. The forward pass here is written again
from the description in docs/models.md, in plain float32 without cache, fused attention or batching,
and shares no line with model.py; --cross-check runs both.

The JSON has, per prompt: token_ids, pieces, top5, greedy_ids (64, or fewer when end-of-text came),
greedy_text, the smallest distance between the best two logits on the greedy path, and how far
float32 is from float64. Next to it lie the logits of each last prompt position as raw float32.
--compact writes the part of it that fits into a repository.
"""

import argparse
import json
import math
import pathlib
import sys

import numpy
import sentencepiece
import torch

import gguf_reader
import model

PROMPTS = ("Once upon a time", "Lily and Tom went to the park. They saw a",
           'One day, a little dog named Max found a shiny red ball.\n"What is this?" he asked.',
           'The king had 3 daughters, and the youngest (who was 12) said: "Caf\u00e9 is closed!"')
GREEDY_TOKENS = 64
WINDOW = 512
WINDOWS = 4
TEXT_CHARACTERS = 40000


class Plain:
    """Weights and shape of a model, and the slow forward pass over one row of tokens."""

    def __init__(self, config, weights, dtype=torch.float32):
        self.config = config
        self.weights = {name: torch.from_numpy(array.copy()).to(dtype)
                        for name, array in weights.items()}
        self.dtype = dtype

    def norm(self, x, name):
        mean = (x * x).mean(dim=1, keepdim=True)
        return x / torch.sqrt(mean + self.config.eps) * self.weights[name]

    def rope(self, x):
        """x: positions, width of one head; dimensions 2 i and 2 i + 1 turn together."""
        length, width = x.shape
        out = torch.empty_like(x)
        position = torch.arange(length, dtype=torch.float64)
        for i in range(0, width, 2):
            angle = position * self.config.theta ** (-i / width)
            cos, sin = angle.cos().to(self.dtype), angle.sin().to(self.dtype)
            out[:, i] = x[:, i] * cos - x[:, i + 1] * sin
            out[:, i + 1] = x[:, i] * sin + x[:, i + 1] * cos
        return out

    def attention(self, x, prefix):
        config, w = self.config, self.weights
        width = config.width // config.heads
        q, k, v = (x @ w[f"{prefix}attn_{name}.weight"].T for name in "qkv")
        future = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
        keys = [self.rope(k[:, g * width:(g + 1) * width]) for g in range(config.kv_heads)]
        heads = []
        for h in range(config.heads):
            g = h // (config.heads // config.kv_heads)
            scores = self.rope(q[:, h * width:(h + 1) * width]) @ keys[g].T / math.sqrt(width)
            scores = scores.masked_fill(future, -math.inf)
            heads.append(torch.softmax(scores, dim=1) @ v[:, g * width:(g + 1) * width])
        return torch.cat(heads, dim=1) @ w[prefix + "attn_output.weight"].T

    @torch.no_grad()
    def logits(self, ids):
        """Logits at every position."""
        w = self.weights
        x = w["token_embd.weight"][torch.tensor(ids)]
        for layer in range(self.config.layers):
            prefix = f"blk.{layer}."
            x = x + self.attention(self.norm(x, prefix + "attn_norm.weight"), prefix)
            y = self.norm(x, prefix + "ffn_norm.weight")
            gate = y @ w[prefix + "ffn_gate.weight"].T
            up = y @ w[prefix + "ffn_up.weight"].T
            x = x + (gate * torch.sigmoid(gate) * up) @ w[prefix + "ffn_down.weight"].T
        x = self.norm(x, "output_norm.weight")
        return x @ w.get("output.weight", w["token_embd.weight"]).T


def greedy(plain, ids, eos):
    """The greedy continuation and the smallest margin by which a token won."""
    row, margin = list(ids), math.inf
    while len(row) < len(ids) + GREEDY_TOKENS and row[-1] != eos:
        best = plain.logits(row)[-1].topk(2)
        margin = min(margin, (best.values[0] - best.values[1]).item())
        row.append(best.indices[0].item())
    return row[len(ids):], margin


def prompt_golden(plain, precise, pieces, prompt):
    ids = [pieces.bos_id()] + pieces.encode(prompt)
    logits = plain.logits(ids)[-1]
    top = logits.topk(5)
    path, margin = greedy(plain, ids, pieces.eos_id())
    # Decoded with the prompt in front: alone, the text would lose the space it begins with.
    text = pieces.decode(ids + path)[len(pieces.decode(ids)):]
    return logits.numpy(), {
        "prompt": prompt, "token_ids": ids, "pieces": [pieces.id_to_piece(i) for i in ids],
        "logits_count": len(logits),
        "top5": [[i, pieces.id_to_piece(i), value]
                 for value, i in zip(top.values.tolist(), top.indices.tolist())],
        "greedy_ids": path, "greedy_text": text,
        "greedy_min_top1_top2_gap": margin,
        "max_abs_diff_vs_fp64": (precise.logits(ids)[-1] - logits).abs().max().item()}


def negative_log_likelihoods(plain, ids, targets):
    chosen = torch.log_softmax(plain.logits(ids).double(), dim=1)
    return -chosen[torch.arange(len(targets)), torch.tensor(targets)]


def perplexities(plain, ids, bos):
    """Two conventions over the same ids (docs/models.md says how they differ)."""
    means, chunks = [], []
    for begin in range(0, WINDOWS * WINDOW, WINDOW):
        window = ids[begin:begin + WINDOW]
        means.append(negative_log_likelihoods(plain, [bos] + window[:-1], window).mean().item())
        chunk = ([bos] + ids)[begin:begin + WINDOW]
        scores = negative_log_likelihoods(plain, [bos] + chunk[1:-1], chunk[1:])
        chunks.append(scores[WINDOW // 2:].mean().item())
    return {"ppl_bos_windows": math.exp(sum(means) / len(means)), "mean_nll_per_window": means,
            "ppl_llama_cpp_convention_4chunks": math.exp(sum(chunks) / len(chunks))}


def text_golden(plain, pieces, path):
    text = pathlib.Path(path).read_text(encoding="utf-8")[:TEXT_CHARACTERS]
    ids = pieces.encode(text)[:WINDOWS * WINDOW]
    if len(ids) < WINDOWS * WINDOW:
        sys.exit(f"{path} has {len(ids)} tokens, {WINDOWS * WINDOW} are needed")
    return ids, perplexities(plain, ids, pieces.bos_id())


def load(path):
    if path.endswith(".gguf"):
        file = gguf_reader.Gguf(path)
        return model.config_from_gguf(file.metadata), file.all_weights()
    state = torch.load(path, map_location="cpu")
    return model.Config(**state["config"]), {k: v.numpy() for k, v in state["model"].items()}


def make(args, plain, weights, pieces):
    """The whole golden, the logits of the prompts and the tokens of the texts."""
    name = pathlib.Path(args.model).stem
    precise = Plain(plain.config, weights, torch.float64)
    golden = {"model": name, "prompts": [], "perplexity": {}}
    logits, tokens = [], {}
    for prompt in PROMPTS:
        values, entry = prompt_golden(plain, precise, pieces, prompt)
        entry["logits_file"] = f"{name}.prompt{len(logits)}.logits.f32.bin"
        logits.append(values)
        golden["prompts"].append(entry)
    for label, path in (text.split("=", 1) for text in args.text):
        tokens[label], golden["perplexity"][label] = text_golden(plain, pieces, path)
        golden["perplexity"][label]["first_2048_token_ids_file"] = f"{name}.{label}.tokens.i32.bin"
    return golden, logits, tokens


def write(path, golden, logits, tokens):
    path = pathlib.Path(path)
    for entry, values in zip(golden["prompts"], logits):
        values.astype("<f4").tofile(path.parent / entry["logits_file"])
    for label, ids in tokens.items():
        name = golden["perplexity"][label]["first_2048_token_ids_file"]
        numpy.array(ids, dtype="<i4").tofile(path.parent / name)
    path.write_text(json.dumps(golden, indent=1) + "\n")


def compact(golden, tokens, keep_tokens):
    """What a test needs in a clone: no pieces, no files beside it, one number list per line."""
    wanted = ("prompt", "token_ids", "greedy_ids", "greedy_text", "greedy_min_top1_top2_gap")
    lines = []
    for entry in golden["prompts"]:
        fields = [f'"{key}": {json.dumps(entry[key])}' for key in wanted]
        fields.append(f'"top5": {json.dumps([[i, value] for i, _, value in entry["top5"]])}')
        lines.append("  {" + ",\n   ".join(fields) + "}")
    texts = []
    for label, entry in golden["perplexity"].items():
        entry = {k: v for k, v in entry.items() if not k.startswith("first_")}
        if label in keep_tokens:
            entry["token_ids"] = tokens[label]
        texts.append(f'  "{label}": {json.dumps(entry)}')
    return (f'{{"model": "{golden["model"]}",\n "prompts": [\n' + ",\n".join(lines)
            + '],\n "perplexity": {\n' + ",\n".join(texts) + "}}\n")


def compare(path, golden, logits):
    """Prints the differences to an earlier golden; true when the bounds of docs/models.md hold."""
    path = pathlib.Path(path)
    old = json.loads(path.read_text())
    good = True
    for a, b, values in zip(golden["prompts"], old["prompts"], logits):
        reference = numpy.fromfile(path.parent / b["logits_file"], dtype="<f4")
        worst = float(numpy.abs(values - reference).max())
        same = a["token_ids"] == b["token_ids"] and a["greedy_ids"] == b["greedy_ids"]
        good = good and same and worst < 1e-3
        print(f"{a['prompt'][:30]!r}: ids and greedy text {'equal' if same else 'DIFFER'}, "
              f"logits differ by {worst:.2e}")
    for label, entry in golden["perplexity"].items():
        for key in ("ppl_bos_windows", "ppl_llama_cpp_convention_4chunks"):
            ratio = entry[key] / old["perplexity"][label][key]
            good = good and abs(ratio - 1) < 1e-4
            print(f"{label} {key}: {entry[key]:.5f}, {ratio - 1:+.1e} from the golden")
    return good


def cross_check(plain, weights, pieces):
    """model.py and this file on the same weights; true when they agree."""
    net = model.model_from_weights(plain.config, weights)
    worst = 0.0
    for prompt in PROMPTS:
        ids = [pieces.bos_id()] + pieces.encode(prompt)
        with torch.no_grad():
            other = net(torch.tensor([ids]))[0]
        worst = max(worst, (other - plain.logits(ids)).abs().max().item())
    print(f"model.py differs by {worst:.2e}")
    return worst < 1e-3


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="GGUF file or checkpoint.pt")
    parser.add_argument("--tokenizer", required=True, help="SentencePiece model")
    parser.add_argument("--text", action="append", default=[], metavar="NAME=FILE",
                        help="a text for perplexity; can be given again")
    parser.add_argument("-o", "--output", help="write the golden here")
    parser.add_argument("--compact", help="write the short form here")
    parser.add_argument("--keep-tokens", action="append", default=[], metavar="NAME",
                        help="a text whose token ids the short form lists")
    parser.add_argument("--compare", help="an earlier golden")
    parser.add_argument("--cross-check", action="store_true", help="run model.py as well")
    args = parser.parse_args()

    torch.set_num_threads(1)  # one order of additions
    config, weights = load(args.model)
    plain = Plain(config, weights)
    pieces = sentencepiece.SentencePieceProcessor(model_file=args.tokenizer)
    good = not args.cross_check or cross_check(plain, weights, pieces)
    golden, logits, tokens = make(args, plain, weights, pieces)
    if args.output:
        write(args.output, golden, logits, tokens)
    if args.compact:
        pathlib.Path(args.compact).write_text(compact(golden, tokens, args.keep_tokens))
    if args.compare:
        good = compare(args.compare, golden, logits) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
