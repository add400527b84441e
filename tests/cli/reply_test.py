#!/usr/bin/python3
"""Replies of models: what templates of real models write comes back as it was, and the command."""
import json
import unittest

import hearth
import replies
from hearth import MODEL, ROOT
from gguf_file import GgufFile

TEMPLATES = hearth.SHARED / "templates"


class Templates(hearth.Case):
    def parse(self, template, reply, variables):
        self.file("reply.txt", reply)
        self.file("talk.json", variables)
        done = self.succeed("template", "--template", str(template), "--reply",
                            str(self.folder / "reply.txt"), "--messages",
                            str(self.folder / "talk.json"))
        return json.loads(done.text)

    def render(self, template, variables):
        return self.succeed("template", "--template", str(template), "--messages", "-",
                            stdin=variables.encode()).text

    @hearth.needs_shared("templates")
    def test_round_trip(self):
        """Every message that a template can write is read from its own text."""
        checked = 0
        for path in sorted(TEMPLATES.glob("*.jinja")):
            row = replies.ROWS[path.stem]
            for name, reasoning, content, names in replies.cases(row):
                with self.subTest(f"{path.stem}: {name}"):
                    variables, reply = replies.reply_of(
                        row, lambda v, p=path: self.render(p, v), reasoning, content, names)
                    got = self.parse(path, reply, variables)
                    if not row.ids:
                        for call in got["tool_calls"]:
                            call.pop("id", None)
                    want = replies.expected(row, reasoning, content, names)
                    if row.ids:  # some templates count instead
                        for call, wanted in zip(got["tool_calls"], want["tool_calls"]):
                            self.assertTrue(call.get("id"))
                            if call["id"].isdigit():
                                wanted["id"] = call["id"]
                    # A template without marks writes nothing but text, with blanks around it.
                    got["content"] = got["content"].strip()
                    self.assertEqual(got, want, reply)
                    checked += 1
        self.assertGreater(checked, 300)

    @hearth.needs_shared("templates")
    def test_every_template_is_known(self):
        self.assertEqual({path.stem for path in TEMPLATES.glob("*.jinja")}, set(replies.ROWS))


class Command(hearth.Case):
    CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}" \
           "{% if add_generation_prompt %}<assistant><think>\n{% endif %}{# <tool_call> </think> #}"
    REPLY = "hm\n</think>\n\nI look.\n<tool_call>\n" \
            '{"name": "f", "arguments": {"b": [1, "\u00fc"], "a": null}}\n</tool_call>'

    def setUp(self):
        super().setUp()
        self.template = self.file("chat.jinja", self.CHAT)

    def reply(self, text, *flags):
        source = () if "-m" in flags else ("--template", self.template)
        done = self.succeed("template", *source, "--reply", "-", *flags, stdin=text.encode())
        self.assertEqual(done.err, b"")
        return done.text

    def test_parts(self):
        talk = self.file("talk.json", '[{"role": "user", "content": "Hi"}]')
        self.assertEqual(
            self.reply(self.REPLY, "--messages", talk),
            '{"content":"I look.","reasoning":"hm","tool_calls":[{"name":"f","arguments":'
            '{"b":[1,"\u00fc"],"a":null}}],"malformed":false}\n')
        self.assertEqual(json.loads(self.reply("<think>a</think>b")),
                         {"content": "b", "reasoning": "a", "tool_calls": [], "malformed": False})

    def test_the_prompt_may_open_nothing(self):
        talk = self.file("talk.json", '{"messages": [], "add_generation_prompt": false}')
        got = json.loads(self.reply("a <b> c", "--messages", talk))
        self.assertEqual((got["content"], got["reasoning"]), ("a <b> c", ""))

    def test_malformed(self):
        text = 'So: <tool_call>{"name": "f", "arguments": {'
        self.assertEqual(json.loads(self.reply(text)),
                         {"content": text, "reasoning": "", "tool_calls": [], "malformed": True})

    def test_the_template_of_a_model(self):
        path = self.file("t.gguf", GgufFile(MODEL.read_bytes()).with_text(
            "tokenizer.chat_template", self.CHAT))
        self.assertEqual(json.loads(self.reply("<think>a</think>b", "-m", path))["reasoning"], "a")

    def test_errors(self):
        self.assert_one_line(hearth.run("template", "--template", self.template), 2, "--reply FILE")
        missing = hearth.run("template", "--template", self.template, "--reply", "none.txt")
        self.assert_one_line(missing, 1, "no such file")
        bad = hearth.run("template", "--template", self.template, "--reply", "-", stdin=b"a\xff")
        self.assert_one_line(bad, 2, "not valid UTF-8 at byte 1")


if __name__ == "__main__":
    unittest.main()
