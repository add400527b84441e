#!/usr/bin/python3
"""`hearth chat`, through pipes and on a terminal."""
import json
import os
import re
import signal
import struct
import subprocess
import termios
import time
import unittest

import hearth
from gguf_file import GgufFile
from hearth import MODEL, Terminal

GREEDY = ("chat", "--temp", "0", "-n", "20")


class Piped(hearth.Case):
    def chat(self, *lines, flags=GREEDY, code=0):
        """What a conversation prints, and what it says beside it."""
        text = "".join(line + "\n" for line in lines)
        done = hearth.run(*flags, stdin=text.encode("utf-8", "surrogateescape"), cwd=self.folder)
        self.assertEqual(done.code, code, done.err)
        return done.text, done.errors

    def saved(self, name="talk.json"):
        return json.loads((self.folder / name).read_text())["messages"]

    def test_lines_in_answers_out(self):
        out, errors = self.chat("Once upon a time", "", "   ", "Then")
        self.assertEqual(errors, [])
        answers = out.splitlines()
        self.assertGreaterEqual(len(answers), 2)
        want = self.succeed("run", "--temp", "0", "-n", "20", "-q", "Once upon a time").text
        self.assertTrue(out.startswith(want + "\n"), out)

    def test_the_last_line_needs_no_newline(self):
        done = self.succeed(*GREEDY, stdin=b"Once upon a time")
        self.assertTrue(done.out)

    def test_carriage_returns_of_other_systems(self):
        self.assertEqual(self.succeed(*GREEDY, stdin=b"Once upon a time\r\n").out,
                         self.succeed(*GREEDY, stdin=b"Once upon a time\n").out)

    def test_it_remembers(self):
        """What is kept of earlier turns gives what the whole text would."""
        first, second = "Once upon a time", "Then they went home."
        out, _ = self.chat(first, second, "/save talk.json")
        messages = self.saved()
        self.assertEqual([m["role"] for m in messages], ["user", "assistant"] * 2)
        self.assertEqual([messages[0]["content"], messages[2]["content"]], [first, second])
        self.assertEqual(out, messages[1]["content"] + "\n" + messages[3]["content"] + "\n")
        story = f"{first}{messages[1]['content']} {second}"
        whole = self.succeed("run", "--temp", "0", "-n", "20", "-q", story).text
        self.assertEqual(messages[3]["content"], whole)

    def test_help_and_leaving(self):
        for leave in ("/exit", "/quit"):
            out, errors = self.chat("/help", leave, "Once upon a time")
            self.assertEqual(errors, [])
            for name in ("/help", "/regen", "/clear", "/save", "/load", "/exit"):
                self.assertEqual(len(re.findall(rf"^{name}\b.*\w{{3}}", out, re.M)), 1)
            self.assertEqual(len(out.splitlines()), 6)

    def test_unknown_commands(self):
        for typed, word in (("/hlep", "/help"), ("/sav x", "/save"), ("/xyzzy", "/help"),
                            ("/", "/help")):
            out, errors = self.chat(typed, "Once upon a time")
            self.assertEqual(len(errors), 1)
            self.assertIn(word, errors[0])
            self.assertTrue(out)  # it goes on

    def test_commands_that_lack_something(self):
        for typed, word in (("/save", "/save talk.json"), ("/load", "/load talk.json"),
                            ("/regen", "no answer yet"), ("/load none.json", "no such file"),
                            ("/load .", "directory"), ("/save none/x", "no such file"),
                            ("/save .", "no regular file")):
            with self.subTest(typed):
                out, errors = self.chat(typed, "Once upon a time")
                self.assertEqual(len(errors), 1, errors)
                self.assertTrue(errors[0].startswith("hearth: "), errors)
                self.assertIn(word, errors[0])
                self.assertTrue(out)
                self.assert_tidy()

    def test_clear_forgets(self):
        out, _ = self.chat("Lily had a red hat.", "/clear", "Once upon a time", "/save talk.json")
        self.assertEqual([m["content"] for m in self.saved()][0], "Once upon a time")
        fresh, _ = self.chat("Once upon a time")
        self.assertTrue(out.endswith(fresh), out)

    def test_save_and_load(self):
        self.chat("Once upon a time", "Caf\u00e9 \U0001f600 \"x\"", "/save talk.json")
        before = self.saved()
        out, errors = self.chat("/load talk.json", "/save again.json")
        self.assertEqual(self.saved("again.json"), before)
        self.assertEqual(len(errors), 2)
        self.assertIn("4 messages", errors[0])
        for message in before:
            self.assertIn(message["content"], out)
        on, _ = self.chat("/load talk.json", "Then")
        whole, _ = self.chat("Once upon a time", "Caf\u00e9 \U0001f600 \"x\"", "Then")
        self.assertEqual(on.splitlines()[-1], whole.splitlines()[-1])
        self.assert_tidy("talk.json", "again.json")

    THINKS = "{% for m in messages %}{{ m.reasoning_content }}{{ m.content }}{% endfor %}" \
             "{% if add_generation_prompt %}<think>{% endif %}"

    def test_reasoning_stands_apart(self):
        """A prompt that opens reasoning: all that this model writes is in it."""
        path = self.file("t.gguf", GgufFile(MODEL.read_bytes()).with_text(
            "tokenizer.chat_template", self.THINKS))
        out, errors = self.chat("Once upon a time", "/save talk.json", flags=(*GREEDY, "-m", path))
        self.assertEqual(len(errors), 1, errors)
        said = self.saved()[1]
        self.assertEqual(said["content"], "")
        self.assertTrue(said["reasoning_content"])
        self.assertEqual(out, f"<think>\n{said['reasoning_content']}\n</think>\n")
        again, _ = self.chat("/load talk.json", "/save again.json", flags=(*GREEDY, "-m", path))
        self.assertEqual(self.saved("again.json")[1], said)
        self.assertNotIn("think", again)

    def test_regen(self):
        flags = ("chat", "--seed", "7", "-n", "30")
        out, errors = self.chat("Once upon a time", "/save a.json", "/regen", "/save b.json",
                                flags=flags)
        self.assertEqual(len(errors), 2)
        a, b = self.saved("a.json"), self.saved("b.json")
        self.assertEqual(a[0], b[0])
        self.assertEqual(len(b), 2)
        self.assertNotEqual(a[1], b[1], "the same answer again")
        self.assertIn(b[1]["content"], out)
        same, _ = self.chat("Once upon a time", "/regen")
        first = same[:len(same) // 2]
        self.assertEqual(same, first * 2)  # the most likely one does not change

    def test_a_broken_file_leaves_the_conversation(self):
        good = {"role": "user", "content": "x"}
        for content in ("", "not json", "[]", "{}", '{"messages": 5}', '{"messages": [5]}',
                        '{"messages": [{"role": "user"}]}', "\0" * 10, "[" * 100_000,
                        '{"messages": [{"role": 5, "content": "x"}]}', b"\xff\xfe",
                        '{"messages": [{"role": "user", "content": 7}]}',
                        b'{"messages": [{"role": "user", "content": "\xff"}]}',
                        json.dumps({"messages": [good, {"role": "wizard", "content": "x"}]})):
            with self.subTest(content[:60]):
                self.file("bad.json", content)
                _, errors = self.chat("Once upon a time", "/load bad.json", "/save talk.json")
                self.assertEqual(len(errors), 2, errors)
                self.assertIn("bad.json", errors[0])
                self.assertEqual(self.saved()[0]["content"], "Once upon a time")

    def test_odd_files_load(self):
        """Foreign but sensible: an empty talk, one that begins with an answer, further keys."""
        turn = {"role": "assistant", "content": "Hello.", "time": 5}
        for messages in ([], [turn], [turn, turn], [{"role": "user", "content": ""}]):
            self.file("odd.json", json.dumps({"messages": messages, "model": "m"}))
            out, errors = self.chat("/load odd.json", "Once upon a time", "/regen")
            self.assertEqual(len(errors), 1, errors)
            self.assertTrue(out)

    def test_texts_that_are_wrong(self):
        out, errors = self.chat("abc\udcff", "word " * 2000, "Once upon a time")
        self.assertEqual(len(errors), 2, errors)
        self.assertIn("not valid UTF-8 at byte 3", errors[0])
        self.assertIn("tokens", errors[1])
        fresh, _ = self.chat("Once upon a time")
        self.assertEqual(out, fresh)  # nothing of them is left

    def test_longer_than_the_context(self):
        lines = [f"Then animal number {i} came along and said hello." for i in range(40)]
        out, errors = self.chat(*lines, "/save talk.json")
        self.assertEqual(len(self.saved()), 80)
        self.assertTrue(any("no longer seen" in e for e in errors), errors)
        self.assertTrue(all("no longer seen" in e or "saved" in e for e in errors), errors)
        self.assertGreater(len(out.split()), 400)

    def test_an_endless_answer_stops_at_the_context(self):
        flags = ("chat", "--temp", "0", "-n", "-1", "-c", "48", "--repeat-penalty", "1.3")
        _, errors = self.chat("Once upon a time", "Then", "/clear", "Once", flags=flags)
        self.assertTrue(any("context is full" in e for e in errors), errors)

    CHATML = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
              "{% endfor %}<|im_start|>assistant{{ '\\n' }}")

    def with_template(self, template, *lines):
        file = GgufFile(MODEL.read_bytes())
        path = self.file("t.gguf", file.with_text("tokenizer.chat_template", template))
        return self.chat(*lines, flags=(*GREEDY, "-m", path, "--system", "Tell of animals."))

    def test_a_model_with_a_template(self):
        for template, remark in (
                (self.CHATML, None), ("{{ messages[-1].content }}", None),
                # Formats that hearth knows by themselves stand in for templates that fail.
                ("{% for m in messages %}<|im_start|>...", "line 1"),
                ("[INST]\n{{ raise_exception('not me') }} [/INST]", "line 2: not me"),
                ("{{ something(else) }}", "continued as it stands")):
            out, errors = self.with_template(template, "Hello", "And then?")
            self.assertTrue(out)
            warnings = [e for e in errors if "warning" in e]
            self.assertEqual(len(warnings), 0 if remark is None else 1, errors)
            if remark is not None:
                self.assertIn(remark, warnings[0])

    def test_the_template_writes_the_prompt(self):
        """Two templates that give the same text give the same answers, the built-in one too."""
        plain, _ = self.with_template(self.CHATML, "Hello", "And then?")
        spelled, _ = self.with_template(
            "{%- for m in messages -%}{{ '<|im_start|>' ~ m['role'] ~ '\n' ~ m['content'] ~ "
            "'<|im_end|>\n' }}{%- endfor -%}{{ '<|im_start|>assistant\n' }}", "Hello", "And then?")
        built_in, _ = self.with_template("{% <|im_start|>", "Hello", "And then?")
        self.assertEqual(plain, spelled)
        self.assertEqual(plain, built_in)

    def test_a_template_without_system_turns(self):
        out, errors = self.with_template(
            "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
            + self.CHATML, "Hello")
        self.assertTrue(out)
        self.assertEqual([e for e in errors if "warning" in e], [])


class OnATerminal(hearth.Case):
    def chat(self, *flags):
        home = {**hearth.environment(), "HOME": str(self.folder)}
        return Terminal("chat", "--temp", "0", "-n", "20", *flags, env=home)

    def test_a_conversation(self):
        with self.chat() as terminal:
            self.assertIn("/help", terminal.wait_for_prompt())
            terminal.type("Once upon a time\n")
            self.assertIn("little girl", terminal.wait_for_prompt("\n> "))
            terminal.type(Terminal.CTRL_D)
            self.assertEqual(terminal.end(), 0)
            # The shell's prompt begins on a line of its own.
            self.assertTrue(terminal.raw.endswith(b"\n"), terminal.raw[-40:])
        self.assert_tidy()  # no history on disk

    def test_editing(self):
        with self.chat() as terminal:
            terminal.wait_for_prompt()
            terminal.type("/helq" + Terminal.BACKSPACE + "p\n")
            terminal.wait_for("another answer")
            terminal.wait_for_prompt("\n> ")
            terminal.type("lp" + Terminal.LEFT * 2 + "/he\n")
            terminal.wait_for("another answer")
            terminal.wait_for_prompt("\n> ")
            terminal.type("help" + Terminal.HOME + "/\n")
            terminal.wait_for("another answer")

    def test_letters_of_more_than_one_byte(self):
        with self.chat() as terminal:
            terminal.wait_for_prompt()
            terminal.type("Caf\u00e9\u00e9" + Terminal.BACKSPACE + "\n")
            terminal.wait_for_prompt("\n> ")
            terminal.type(f"/save {self.folder}/talk.json\n")
            terminal.wait_for("saved")
        talk = json.loads((self.folder / "talk.json").read_text())
        self.assertEqual(talk["messages"][0]["content"], "Caf\u00e9")

    def test_history(self):
        with self.chat() as terminal:
            terminal.wait_for_prompt()
            terminal.type("/help\n")
            terminal.wait_for("/exit")
            terminal.wait_for_prompt("\n> ")
            terminal.type("/clear\n")
            terminal.wait_for("new conversation")
            terminal.wait_for_prompt()
            terminal.type(Terminal.UP * 2 + "\n")
            terminal.wait_for("/exit")

    def test_ctrl_c_at_the_prompt(self):
        with self.chat() as terminal:
            for _ in range(3):
                terminal.wait_for_prompt()
                terminal.type("half a line")
                terminal.wait_for("half a line")
                terminal.type(Terminal.CTRL_C)
            terminal.wait_for_prompt()
            terminal.type("/help\n")
            terminal.wait_for("another answer")
            terminal.wait_for_prompt("\n> ")
            terminal.type("Once upon a time\n")  # not stopped by the Ctrl-C before
            self.assertIn("little girl", terminal.wait_for_prompt("\n> "))

    def test_impatient_ctrl_c_at_the_prompt(self):
        """It goes on or ends; it does not crash, hang, or leave a terminal without echo."""
        for _ in range(10):
            with self.subTest(), self.chat() as terminal:
                terminal.wait_for_prompt()
                for _ in range(5):  # one by one: together they would be one signal
                    terminal.type(Terminal.CTRL_C)
                time.sleep(0.5)  # a terminal may drop keys together with Ctrl-C
                terminal.type("\n/help\n")
                try:
                    terminal.wait_for("another answer", patience=5)
                except AssertionError:
                    self.assertEqual(terminal.process.poll(), 130, "neither alive nor ended")
                    self.assertTrue(terminal.mode(termios.ECHO), "no echo in the shell")

    def test_ctrl_c_in_an_answer(self):
        # Its end token is one that it never writes: only Ctrl-C ends an answer.
        file = GgufFile(MODEL.read_bytes())
        at = file.values["tokenizer.ggml.eos_token_id"][0]
        path = self.file("endless.gguf", file.patched(at, struct.pack("<I", 0)))
        with Terminal("chat", "-m", path, "-c", "1000000", "--seed", "3") as terminal:
            for _ in range(2):
                terminal.wait_for_prompt()
                terminal.type("Once upon a time\n")
                terminal.wait_for("Once upon a time")
                end = terminal.seen + 200
                while len(terminal.screen) < end:
                    terminal.read_more()
                terminal.type(Terminal.CTRL_C)
                terminal.wait_for("stopped")
            terminal.wait_for_prompt()
            terminal.type("/exit\n")
            self.assertEqual(terminal.end(), 0)

    def test_run_shows_the_prompt_and_the_speed(self):
        with Terminal("run", "--temp", "0", "-n", "5", "Once upon a time") as terminal:
            self.assertEqual(terminal.end(), 0)
            self.assertIn("Once upon a time, there was", terminal.screen)
            self.assertIn("tokens", terminal.screen)

    def test_reasoning_is_dimmed(self):
        path = self.file("t.gguf", GgufFile(MODEL.read_bytes()).with_text(
            "tokenizer.chat_template", Piped.THINKS))
        with Terminal("chat", "-m", path, "--temp", "0", "-n", "5") as terminal:
            terminal.wait_for_prompt()
            terminal.type("Once upon a time\n")
            while b"\x1b[22m" not in terminal.raw:
                self.assertTrue(terminal.read_more())
            terminal.wait_for_prompt()
            terminal.type("/exit\n")
            self.assertEqual(terminal.end(), 0)
            self.assertRegex(terminal.raw, b"\x1b\\[2m[^\x1b]+\x1b\\[22m")
            self.assertNotIn("<think>", terminal.screen)

    def test_a_closed_window_or_a_shutdown_ends_it(self):
        for number in (signal.SIGHUP, signal.SIGTERM):
            with self.subTest(number), self.chat() as terminal:
                terminal.wait_for_prompt()
                terminal.process.send_signal(number)
                try:
                    self.assertNotEqual(terminal.process.wait(20), 0)
                except subprocess.TimeoutExpired:
                    self.fail("it stays")
                self.assertTrue(terminal.mode(termios.ECHO), "no echo in the shell")


class OutputToAFile(hearth.Case):
    def test_no_prompt_in_what_is_kept(self):
        """Typing with the output going elsewhere: no editing, and no prompt in the file."""
        master, slave = os.openpty()
        os.write(master, b"Once upon a time\n\x04")
        done = hearth.run(*GREEDY, stdin=slave)
        os.close(master)
        os.close(slave)
        self.assertEqual(done.code, 0)
        self.assertNotIn("> ", done.text)
        self.assertIn("little girl", done.text)


if __name__ == "__main__":
    unittest.main()
