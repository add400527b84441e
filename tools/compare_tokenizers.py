#!/usr/bin/env python3
"""Compares hearth's token ids with llama.cpp's on random texts.

    tools/compare_tokenizers.py files  LLAMA_BIN VOCAB.gguf ... [-n 100000] [--seed 1]
    tools/compare_tokenizers.py names  LLAMA_BIN VOCAB.gguf [NAME ...] [-n 10000]
    tools/compare_tokenizers.py golden LLAMA_BIN VOCAB.gguf > tests/data/pretokenizer_cases.jsonl
    tools/compare_tokenizers.py cases  LLAMA_BIN VOCAB.gguf ... > tests/data/tokenizer_cases.jsonl

`files` takes vocabularies as they are. `names` takes one BPE vocabulary and gives it each name of a
pre-tokenizer in turn (all of them when none is named). LLAMA_BIN is the folder of libllama.so of
llama.cpp v0.5.0. hearth is asked through build/dev/bin/tokenizer_driver.

A difference counts as explained when the two programs ought to differ: tools/tokenizers/rules.py
has the model's own rules and llama.cpp's, and they split this text differently; or one of the
reasons of docs/tokenizers.md holds. Anything else is printed and makes the exit status 1. Words are
always compared with the model's own rules, so nothing is excused there.
"""
import argparse
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "tokenizers"))
import peer  # noqa: E402
import rules  # noqa: E402
import texts  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DRIVER = ROOT / "build/dev/bin/tokenizer_driver"
MARK = "\u2581"
KINDS = {"llama": "spm", "gpt2": "bpe", "gemma4": "bpe", "whitespace": "bpe", "bert": "wpm",
         "t5": "ugm"}
BATCH = 20000
CASES = 60  # of each vocabulary


def ask_hearth(arguments, data):
    """One answer, a tuple of numbers, for each text."""
    sent = b"".join(struct.pack("<I", len(text)) + text for text in data)
    done = subprocess.run([DRIVER, *map(str, arguments)], input=sent, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{DRIVER.name}: {done.stderr.decode().strip()}")
    answers, at = [], 0
    while at < len(done.stdout):
        count = struct.unpack_from("<I", done.stdout, at)[0]
        answers.append(struct.unpack_from(f"<{count}i", done.stdout, at + 4))
        at += 4 + 4 * count
    return answers


def special_texts(gguf):
    """The texts of control and user-defined tokens."""
    if "tokenizer.ggml.token_type" not in gguf.values:
        return []
    kinds = gguf.numbers("tokenizer.ggml.token_type")
    tokens = gguf.texts("tokenizer.ggml.tokens")
    return [token.decode(errors="replace") for token, kind in zip(tokens, kinds)
            if kind in (3, 4)][:2000]


def wpm_reason(text):
    """Where llama.cpp departs from BERT's own tokenizer."""
    decomposed = unicodedata.normalize("NFD", text)
    if any(unicodedata.category(c) in ("Mc", "Me") for c in decomposed):
        return "marks that are letters"
    if any("\uac00" <= c <= "\ud7a3" for c in text):
        return "Hangul in parts"
    longest = max((len(word) for word in decomposed.split()), default=0)
    return "a word of more than 100 characters" if longest > 100 else None


class Vocabulary:
    def __init__(self, library, path, name=None):
        self.path, self.gguf = path, peer.Gguf(path)
        self.kind = KINDS[self.gguf.text("tokenizer.ggml.model")]
        self.name = name or self.gguf.text("tokenizer.ggml.pre") or "default"
        if self.gguf.text("tokenizer.ggml.model") == "gemma4":
            self.name = "gemma4"
        self.peer = library.open(path)
        self.specials = special_texts(self.gguf)
        longest_first = sorted(map(re.escape, filter(None, self.specials)), key=len, reverse=True)
        self.special_places = re.compile("|".join(longest_first) or r"(?!)")
        self.own = self.other = None
        if self.kind == "bpe":
            self.own, self.other = rules.family(self.name)

    def reason(self, text):
        if self.kind == "wpm":
            return wpm_reason(text)
        if self.kind == "spm" and MARK in text:
            return "U+2581 in the text"
        if self.own and self.other.steps != self.own.steps:
            for part in (text, *self.special_places.split(text)):
                if self.own.words(part) != self.other.words(part):
                    return "llama.cpp's expression differs"
        return None


def compare(vocabulary, count, seed, keep=None):
    """Returns Counter of reasons; the reason "unexplained" is a finding."""
    draw = random.Random(f"{seed} {vocabulary.name} {vocabulary.kind}")
    maker = texts.Texts(draw, vocabulary.specials)
    found = Counter()
    while found["texts"] < count:
        batch = [maker.one() for _ in range(min(BATCH, count - found["texts"]))]
        data = [text.encode() for text in batch]
        for special in (False, True):
            mine = ask_hearth(["ids", vocabulary.path] + ["special"] * special, data)
            for text, raw, ids in zip(batch, data, mine):
                theirs = tuple(vocabulary.peer.ids(raw, special))
                if ids == theirs:
                    continue
                reason = vocabulary.reason(text) or "unexplained"
                found[reason] += 1
                if reason == "unexplained" and found[reason] <= 5:
                    print(f"  {vocabulary.name} special={special} {text!r}\n    hearth {list(ids)}"
                          f"\n    peer   {list(theirs)}", file=sys.stderr)
        if vocabulary.own and keep is None:
            check_words(vocabulary, batch, data, found)
        found["texts"] += len(batch)
        if keep is not None:
            keep.extend(batch)
    return found


def check_words(vocabulary, batch, data, found):
    for text, raw, lengths in zip(batch, data, ask_hearth(["words", vocabulary.name], data)):
        expected = tuple(len(word.encode()) for word in vocabulary.own.words(text))
        if lengths == expected:
            continue
        found["wrong words"] += 1
        if found["wrong words"] <= 5:
            at = split_bytes(raw, lengths)
            print(f"  {vocabulary.name} words of {text!r}\n    hearth {at}\n    rules  "
                  f"{vocabulary.own.words(text)}", file=sys.stderr)


def split_bytes(raw, lengths):
    out, at = [], 0
    for length in lengths:
        out.append(raw[at:at + length].decode(errors="replace"))
        at += length
    return out


def report(label, found):
    bad = found["unexplained"] + found["wrong words"]
    rest = ", ".join(f"{count} {reason}" for reason, count in sorted(found.items())
                     if reason != "texts" and count)
    print(f"{'FAIL' if bad else 'ok  '} {label}: {found['texts']} texts, "
          f"{rest or 'no difference'}", flush=True)
    return bad


def renamed(vocabulary, name, folder):
    path = Path(folder) / f"{name}.gguf"
    path.write_bytes(peer.Gguf(vocabulary).with_text("tokenizer.ggml.pre", name))
    if name == "whitespace":  # llama.cpp stops at spaces, which only this kind of tokenizer drops
        path.write_bytes(peer.Gguf(path).with_text("tokenizer.ggml.model", name))
    return path


def run_files(library, options):
    bad = 0
    for path in options.vocabularies:
        vocabulary = Vocabulary(library, path)
        bad += report(Path(path).stem, compare(vocabulary, options.n, options.seed))
        vocabulary.peer.close()
    return bad


def run_names(library, options):
    bad = 0
    names = options.vocabularies[1:] or list(rules.FAMILY_OF)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            vocabulary = Vocabulary(library, renamed(options.vocabularies[0], name, folder), name)
            bad += report(name, compare(vocabulary, options.n, options.seed))
            vocabulary.peer.close()
    return bad


def interesting(rule, text, seen):
    """Whether the text splits in a way not seen yet: the shapes of its words tell."""
    shapes = set()
    pieces = rule.words(text)
    for left, right in zip(pieces, pieces[1:]):
        shapes.add("".join(unicodedata.category(c) for c in left[-2:] + right[:2]))
    new = shapes - seen
    seen |= shapes
    return len(new) >= 2


def run_golden(library, options):
    """One line for each case, {"pre", "words"}, where no difference is left unexplained."""
    for family, names in rules.NAMES.items():
        name = names.split()[0]
        with tempfile.TemporaryDirectory() as folder:
            vocabulary = Vocabulary(library, renamed(options.vocabularies[0], name, folder), name)
            kept, seen, cases = [], set(), 0
            found = compare(vocabulary, options.n, options.seed, kept)
            if found["unexplained"]:
                sys.exit(f"{name}: {found['unexplained']} differences")
            for text in sorted(kept, key=len):
                if cases < 60 and len(text) < 80 and interesting(vocabulary.own, text, seen):
                    cases += 1
                    words = vocabulary.own.words(text)
                    print(json.dumps({"pre": name, "words": words}, ensure_ascii=True))
            vocabulary.peer.close()
    return 0


def run_cases(library, options):
    """One line for each case, {"vocab", "text", "ids"}: what llama.cpp gives, where it ought to."""
    for path in options.vocabularies:
        vocabulary = Vocabulary(library, path)
        maker = texts.Texts(random.Random(f"cases {vocabulary.name}"), vocabulary.specials)
        kept = 0
        while kept < CASES:
            text = maker.one()
            if len(text) < 60 and not vocabulary.reason(text):
                kept += 1
                print(json.dumps({"vocab": Path(path).stem, "text": text,
                                  "ids": vocabulary.peer.ids(text.encode(), special=True)}))
        vocabulary.peer.close()
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["files", "names", "golden", "cases"])
    parser.add_argument("llama_bin")
    parser.add_argument("vocabularies", nargs="+")
    parser.add_argument("-n", type=int, default=10000)
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    library = peer.Library(options.llama_bin)
    run = {"files": run_files, "names": run_names, "golden": run_golden, "cases": run_cases}
    bad = run[options.what](library, options)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
