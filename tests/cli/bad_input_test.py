#!/usr/bin/python3
"""What people get wrong: each mistake gives the right exit code and one line that helps."""
import json
import os
import pathlib
import struct
import subprocess
import unittest
from typing import NamedTuple

import hearth
from gguf_file import GgufFile
from hearth import MODEL

FAILED, USAGE = 1, 2
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(100)
ODD_NAME = b"m\n\x1b[31m\xff\xe2\x80\xae.gguf"


class Wrong(NamedTuple):
    args: str        # words behind `hearth`
    words: tuple     # what the line must mention
    code: int = USAGE


COMMANDS = (
    Wrong("runn", ("runn", "did you mean 'run'")),
    Wrong("ruun Once", ("ruun", "did you mean 'run'")),
    Wrong("chta", ("chta", "did you mean 'chat'")),
    Wrong("tokenise", ("tokenise", "did you mean 'tokenize'")),
    Wrong("xyzzy", ("xyzzy", "hearth --help")),
    Wrong("help", ("help", "--help")),
    Wrong("--modle x", ("--modle",)),
    Wrong("-x", ("-x", "--help")),
)

FLAGS = (
    Wrong("run --tmep 0 x", ("--tmep", "did you mean '--temp'", "hearth run --help")),
    Wrong("run --modle x y", ("--modle", "did you mean '--model'")),
    Wrong("run --thread=2 x", ("--thread", "did you mean '--threads'")),
    Wrong("chat --sytem x", ("--sytem", "did you mean '--system'")),
    Wrong("show --tensor", ("--tensor", "did you mean '--tensors'")),
    Wrong("run --frobnicate x", ("--frobnicate", "hearth run --help")),
    Wrong("run -Z x", ("-z", "hearth run --help")),
    Wrong("run one two", ("two",)),
    Wrong("run -p one two", ("once",)),
    Wrong("run one -f two", ("once",)),
    Wrong("show one two", ("two",)),
    Wrong("run -m", ("-m", "file")),
    Wrong("run x -n", ("--predict",)),
    Wrong("run x --stop", ("text",)),
    Wrong("logits --tokens 1", ("--output",)),
    Wrong("logits -o x", ("--tokens",)),
    Wrong("perplexity", ("--file",)),
)

# Values of flags. The line names the flag, the value as it was given, and what is allowed.
VALUES = (
    Wrong("--temp -1", ("--temp", "-1", "0", "100")),
    Wrong("--temp nan", ("--temp", "nan")),
    Wrong("--temp inf", ("--temp", "inf")),
    Wrong("--temp hot", ("--temp", "hot")),
    Wrong("--top-k -1", ("--top-k", "-1", "0 (all) or more")),
    Wrong("--top-k 1.5", ("--top-k", "1.5")),
    Wrong("--top-k 99999999999", ("--top-k", "99999999999")),
    Wrong("--top-p 1.1", ("--top-p", "1.1", "from 0 to 1")),
    Wrong("--top-p nan", ("--top-p", "nan", "from 0 to 1")),
    Wrong("--min-p -0.1", ("--min-p", "-0.1", "from 0 to 1")),
    Wrong("--min-p 2", ("--min-p", "2", "from 0 to 1")),
    Wrong("--repeat-penalty 0", ("--repeat-penalty", "above 0")),
    Wrong("--repeat-penalty -2", ("--repeat-penalty", "-2")),
    Wrong("--presence-penalty 1000", ("--presence-penalty", "1000", "100")),
    Wrong("--frequency-penalty nan", ("--frequency-penalty", "nan", "100")),
    Wrong("--repeat-last-n -2", ("--repeat-last-n", "-2", "-1 (all)")),
    Wrong("--seed -1", ("--seed", "-1")),
    Wrong("--seed abc", ("--seed", "abc")),
    Wrong("--seed 99999999999999999999999", ("--seed", "99999999999999999999999")),
    Wrong("-n -5", ("--predict", "-5", "-1")),
    Wrong("-n 1e3", ("--predict", "1e3")),
    Wrong("-n ten", ("--predict", "ten")),
    Wrong("-n 99999999999999999999999", ("--predict", "99999999999999999999999")),
    Wrong("-t -1", ("threads", "-1")),
    Wrong("-t 100000", ("threads", "100000", "512")),
    Wrong("-t many", ("threads", "many")),
    Wrong("-c -1", ("-c", "-1")),
    Wrong("-c 999999999", ("--ctx-size", "999999999", "16777216")),
    Wrong("-c 99999999999999999999", ("-c", "99999999999999999999")),
    Wrong("-b 0", ("-b", "0", "1 to 4096")),
    Wrong("-b -1", ("-b", "-1", "1 to 4096")),
    Wrong("-b 999999", ("-b", "999999", "1 to 4096")),
    Wrong("--kv q9", ("--kv", "q9", "q8_0", "f16", "f32")),
    Wrong("--kv q4_0", ("--kv", "q4_0", "q8_0", "f16", "f32")),
    Wrong("--cache-type-k q4_0 --cache-type-v q8_0", ("--cache-type-k", "q4_0", "q8_0")),
    Wrong("--cache-type-k f16", ("--cache-type-v", "q8_0", "f16", "f32")),
    Wrong("--cache-type-k f16 --cache-type-v f32", ("same type", "F16", "F32")),
    Wrong("--isa nope", ("--isa", "nope", "reference")),
)

OTHER_VALUES = (
    Wrong("perplexity --chunks 0 -f x", ("--chunks", "0", "1")),
    Wrong("perplexity --chunks -3 -f x", ("--chunks", "-3")),
    Wrong("bench -r 0", ("-r", "0", "1 to 1000")),
    Wrong("bench -p -1", ("-p", "-1")),
    Wrong("bench -p 0 -n 0 -r 1", ("-p", "-n")),
    Wrong("bench -p 99999999999 -r 1", ("99999999999", "8388608")),
    Wrong("logits -o x --tokens abc", ("--tokens", "abc", "1,2,3")),
    Wrong("logits -o x --tokens 1,,2", ("--tokens", "1,2,3")),
    Wrong("logits -o x --tokens 1,2,", ("--tokens", "1,2,3")),
    Wrong("logits -o x --tokens 1;2", ("--tokens", "1;2", "1,2,3")),
    Wrong("logits -o x --tokens 99999999999", ("--tokens", "99999999999")),
    Wrong("logits -o x --tokens -1", ("-1", "4096")),
    Wrong("logits -o x --tokens 1,4096", ("4096", "does not exist")),
    Wrong("logits -o x --tokens 1,2,3 -c 2", ("3 tokens", "2", "-c"), FAILED),
)


class Usage(hearth.Case):
    def check(self, table, prefix="", suffix=""):
        for wrong in table:
            args = [*prefix.split(), *wrong.args.split(), *suffix.split()]
            with self.subTest(" ".join(args)):
                done = hearth.run(*args, cwd=self.folder)
                self.assertEqual(done.out, b"")
                self.assert_one_line(done, wrong.code, *wrong.words)
                # The reader meets the value as it was typed, not what it became in the machine.
                if "--seed" not in args:  # whose limit it is
                    self.assertNotIn("18446744073709551615", done.errors[0])
                self.assertNotRegex(done.errors[0], r"\d{40}")
                self.assert_tidy()

    def test_commands(self):
        self.check(COMMANDS)

    def test_flags(self):
        self.check(FLAGS)

    def test_values(self):
        self.check(VALUES, "run", "Once")

    def test_values_in_chat(self):
        self.check([w for w in VALUES if w.args.split()[0] in ("--temp", "--kv", "-t")], "chat")

    def test_other_values(self):
        self.check(OTHER_VALUES)

    def test_empty_values(self):
        for args in (["logits", "-o", "x", "--tokens", ""], ["logits", "--tokens", "1", "-o", ""],
                     ["run", ""], ["run", "-p", ""], ["run", "-f", ""], ["run", "--kv", "", "x"],
                     ["run", "-m", "", "x"]):  # as `-m "$MODEL"` with nothing in it
            with self.subTest(args):
                done = hearth.run(*args, cwd=self.folder)
                self.assertEqual(done.out, b"")
                self.assert_one_line(done, USAGE)
                self.assert_tidy()

    def test_no_command(self):
        done = hearth.run()
        self.assertEqual((done.code, done.out), (USAGE, b""))
        self.assertIn(b"Subcommands", done.err)

    def test_a_suggestion_is_near(self):
        done = hearth.run("run", "--version")
        self.assert_one_line(done, USAGE, "--version")
        self.assertNotIn("--json", done.errors[0])

    def test_values_at_the_edge_are_fine(self):
        for flags in ("--temp 0", "--temp 100", "--top-k 0", "--top-p 0", "--top-p 1", "--min-p 1",
                      "--repeat-last-n -1 --repeat-penalty 1.1", "--repeat-last-n 0", "-n 0",
                      "-n -1", "-t 0", "-t 512", "-c 0", "-c 512", "-b 1", "-b 4096", "--kv F16",
                      "-ctk q8_0 -ctv q8_0",
                      "--presence-penalty -100", f"--seed {2 ** 64 - 1}"):
            with self.subTest(flags):
                length = [] if flags.startswith("-n") else ["-n", "3"]
                done = self.succeed("run", *flags.split(), *length, "Once")
                self.assertEqual(bool(done.text), flags != "-n 0")


class Prompts(hearth.Case):
    def test_longer_than_the_context(self):
        done = hearth.run("run", stdin=b"word " * 3000)
        self.assertEqual(done.out, b"")
        self.assert_one_line(done, FAILED, "prompt", "tokens", "512", "-c")

    def test_no_room_for_an_answer(self):
        for context in ("1", "2", "5"):  # the prompt has 5 tokens
            done = hearth.run("run", "-c", context, "Once upon a time")
            self.assertEqual(done.out, b"")
            self.assert_one_line(done, FAILED, "5 tokens", f"holds {context} ", "-c")
        done = self.succeed("run", "-c", "6", "-n", "1", "--temp", "0", "Once upon a time")
        self.assertEqual(done.text, ",")

    def test_the_context_fills(self):
        done = self.succeed("run", "-c", "20", "--ignore-eos", "Once upon a time")
        self.assertEqual(len(done.errors), 1)
        self.assertIn("context of 20 tokens is full", done.errors[0])

    def test_a_text_that_is_not_utf8(self):
        for bad in (b"abc\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"):
            file = self.file("bad.txt", bad)
            for done in (hearth.run("run", "-p", bad), hearth.run("run", bad),
                         hearth.run("run", stdin=bad), hearth.run("run", "-f", file),
                         hearth.run("run", "-f", "-", stdin=bad), hearth.run("tokenize", bad),
                         hearth.run("tokenize", stdin=bad), hearth.run("perplexity", "-f", file)):
                with self.subTest(bad):
                    self.assertEqual(done.out, b"")
                    self.assert_one_line(done, USAGE, "not valid UTF-8", "at byte")

    def test_where_it_is_not_utf8(self):
        self.assert_one_line(hearth.run("tokenize", stdin="Caf\u00e9 ".encode() + b"\xff!"),
                             USAGE, "at byte 6")

    def test_nothing_to_read(self):
        for done in (hearth.run("run"), hearth.run("run", "-f", self.file("empty", "")),
                     hearth.run("run", "-f", "-"), hearth.run("run", stdin=b"")):
            self.assertEqual(done.out, b"")
            self.assert_one_line(done, USAGE, "prompt is empty", "hearth run")

    def test_files_that_cannot_be_read(self):
        missing = str(self.folder / "none")
        for command in ("run", "perplexity"):
            self.assert_one_line(hearth.run(command, "-f", missing), FAILED,
                                 missing, "no such file")
            self.assert_one_line(hearth.run(command, "-f", str(self.folder)), FAILED,
                                 str(self.folder), "directory")

    def test_a_zero_byte_is_text(self):
        file = self.file("zero", b"a\0b")
        self.succeed("run", "-n", "2", "-f", file)
        ids = self.succeed("tokenize", "--ids", stdin=b"a\0b").text.split()
        self.assertEqual(ids[1:-1], ["3"])  # the byte token <0x00>
        shown = self.succeed("tokenize", stdin=b"a\0b\x1b[31m")
        self.assertNotIn(b"\x1b", shown.out)
        self.assertNotIn(b"\0", shown.out)

    def test_too_short_for_perplexity(self):
        for text in ("", "short", "word " * 300):
            done = hearth.run("perplexity", "-f", self.file("text", text))
            self.assertEqual(done.out, b"")
            self.assert_one_line(done, USAGE, "tokens", "512", "-c")
        done = hearth.run("perplexity", "-c", "3", "-f", self.file("text", "short"))
        self.assert_one_line(done, USAGE, "window of 3")

    def test_a_prompt_like_a_flag(self):
        done = self.succeed("run", "-n", "3", "--", "--help me")
        self.assertTrue(done.text)
        self.succeed("run", "-n", "3", "-p", "-5 degrees")
        self.succeed("tokenize", "--ids", "--", "-x")

    def test_a_line_from_a_pipe_is_the_same_prompt(self):
        """`echo Once upon a time | hearth run` ends with a newline that nobody meant."""
        flags = ("run", "--temp", "0", "-n", "20", "-q")
        want = self.succeed(*flags, "Once upon a time").text
        self.assertEqual(self.succeed(*flags, stdin=b"Once upon a time\n").text, want)
        file = self.file("prompt.txt", "Once upon a time\n")
        self.assertEqual(self.succeed(*flags, "-f", file).text, want)


class ModelFiles(hearth.Case):
    COMMANDS = (("run", "-m", None, "x"), ("chat", "-m", None), ("show", None),
                ("tokenize", "-m", None, "x"), ("bench", "-r", "1", "-m", None),
                ("logits", "-m", None, "--tokens", "1", "-o", "out"))

    def check(self, path, *words, commands=COMMANDS):
        for command in commands:
            with self.subTest(command[0]):
                before = sorted(os.listdir(self.folder))
                done = hearth.run(*[path if a is None else a for a in command], cwd=self.folder)
                self.assertEqual(done.out, b"")
                self.assert_one_line(done, FAILED, *words)
                self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_no_model(self):
        self.check("none.gguf", "none.gguf", "no such file")
        self.check(str(self.folder), str(self.folder), "folder", "model file")
        self.check("/dev/null", "/dev/null", "model file")
        os.mkfifo(self.folder / "pipe")  # opening it would wait for ever
        self.check("pipe", "pipe", "model file")
        self.check(self.file("empty.gguf", ""), "is empty")
        self.check(self.file("cat.png", PNG), "cat.png", "not a GGUF file")
        self.check(self.file("notes.txt", "Dear diary,\n" * 30), "notes.txt", "not a GGUF file")
        self.check(self.file("zeros", bytes(5000)), "zeros", "not a GGUF file")

    def test_a_model_that_is_cut_short(self):
        data = MODEL.read_bytes()
        for size in (1, 4, 8, 23, 24, 100, 5000, 60_000, len(data) // 2, len(data) - 1):
            with self.subTest(size=size):
                path = self.file("cut.gguf", data[:size])
                self.check(path, "cut.gguf", "get it again" if size > 100_000 else "",
                           commands=self.COMMANDS[:3])

    def test_another_architecture(self):
        file = GgufFile(MODEL.read_bytes())
        at, name = file.values["general.architecture"]
        self.assertEqual(name, "llama")
        path = self.file("lamma.gguf", file.patched(at + 8, b"lamma"))
        self.check(path, "lamma", "llama", commands=self.COMMANDS[:2] + self.COMMANDS[4:])
        self.assertIn("cannot run it", self.succeed("show", path).text)
        path = self.file("odd.gguf", file.patched(at + 8, b"\x1b[1m\xff"))
        self.check(path, "\\x1b", commands=self.COMMANDS[:2])
        self.assertNotIn(b"\x1b", self.succeed("show", path).out)
        json.loads(self.succeed("show", "--json", path).text)

    def test_another_tensor_type(self):
        file = GgufFile(MODEL.read_bytes())
        tensor = next(t for t in file.tensors if t.name == "blk.2.ffn_up.weight")
        for kind, words in ((999, ("999", tensor.name)), (24, ("I8", tensor.name))):
            data = file.patched(tensor.kind_at, struct.pack("<I", kind))
            self.check(self.file("odd.gguf", data), *words, commands=self.COMMANDS[:2])

    def test_weights_that_are_no_numbers(self):
        file = GgufFile(MODEL.read_bytes())
        tensor = next(t for t in file.tensors if t.name == "output_norm.weight")
        data = file.patched(file.start + tensor.offset, struct.pack("<f", float("nan")) * 256)
        path = self.file("nan.gguf", data)
        done = hearth.run("run", "-m", path, "Once")
        self.assertEqual(done.out, b"")
        self.assert_one_line(done, FAILED, "not numbers")
        story = self.file("story", "word " * 700)
        self.assert_one_line(hearth.run("perplexity", "-m", path, "-f", story), FAILED, "numbers")

    def test_a_name_with_odd_bytes(self):
        path = os.fsencode(self.folder) + b"/" + ODD_NAME
        self.check(path, "\\x0a", "\\x1b", "no such file")
        os.symlink(MODEL, path)
        shown = self.succeed("show", path)
        self.assertNotIn(b"\x1b", shown.out)
        self.assertNotIn(b"\xff", shown.out)
        self.assertNotIn("\u202e".encode(), shown.out)
        json.loads(self.succeed("show", "--json", path).text)
        self.succeed("run", "-n", "2", "-m", path, "Once")
        self.succeed("doctor", "-m", path)

    def test_a_usage_error_with_odd_bytes(self):
        for args in ([b"x\x1b[31m\xff"], ["run", b"--x\n\x1b[31m\xff"],
                     ["run", "x", b"\x1b[2J\xff"], ["run", "--temp", b"\x1b[2J\xff", "x"],
                     ["run", "--kv", b"\xff\n", "x"]):
            with self.subTest(args):
                self.assert_one_line(hearth.run(*args), USAGE)

    def test_doctor_fails_on_a_broken_model(self):
        done = hearth.run("doctor", "-m", self.file("cat.png", PNG))
        self.assertIn("not a GGUF", done.text + done.err.decode())
        self.assertEqual(done.code, FAILED)

    def test_json_of_a_model_that_does_not_run(self):
        file = GgufFile(MODEL.read_bytes())
        at = file.values["general.architecture"][0]
        path = self.file("lamma.gguf", file.patched(at + 8, b"lamma"))
        shown = json.loads(self.succeed("show", "--json", path).text)
        self.assertFalse(shown["runs"])
        self.assertIn("lamma", shown["error"])


class WithoutTheBundledModel(hearth.Case):
    def test_it_says_so(self):
        program = self.folder / "hearth"
        program.write_bytes(pathlib.Path(hearth.PROGRAM).read_bytes())
        program.chmod(0o755)
        done = subprocess.run([program, "run", "Once"], capture_output=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=hearth.PATIENCE)
        self.assert_one_line(hearth.Done(done.returncode, done.stdout, done.stderr), FAILED,
                             "bundled model", "-m FILE.gguf")


if __name__ == "__main__":
    unittest.main()
