#!/usr/bin/python3
"""Answers that must be what a grammar says: hearth run --grammar."""
import json
import re
import unittest

import hearth

MODEL = str(hearth.MODEL)
JSON = r'''
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value){0,3} )? "}" ws
array  ::= "[" ws ( value ("," ws value){0,3} )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" ["\\bfnrt] ){0,20} "\"" ws
number ::= "-"? ([0-9] | [1-9] [0-9]{0,5}) ("." [0-9]{1,4})? ws
ws ::= " "?
'''


class Grammars(hearth.Case):
    def answer(self, *flags, prompt="Once upon a time", tokens="200"):
        done = self.succeed("run", prompt, "-m", MODEL, "-n", tokens, "--json", *flags)
        return json.loads(done.text)

    def test_one_of_two_words(self):
        for seed in range(4):
            said = self.answer("--grammar", 'root ::= " yes" | " no"', "--seed", str(seed))
            self.assertIn(said["text"], (" yes", " no"))
            self.assertEqual(said["finish"], "end")

    def test_json_from_a_storyteller(self):
        path = self.file("json.gbnf", JSON)
        for seed in range(8):
            said = self.answer("--grammar-file", path, "--seed", str(seed), "--temp", "1.5",
                               tokens="400")
            if said["finish"] == "end":
                json.loads(said["text"])
            else:
                self.assertEqual(said["finish"], "length")
                self.assertTrue(said["text"].startswith("{"))

    def test_characters_of_several_bytes(self):
        said = self.answer("--grammar", 'root ::= "\\u00e4\\u20ac\\U0001F525"')
        self.assertEqual(said["text"], "\u00e4\u20ac\U0001F525")

    def test_greedy_with_and_without_guesses(self):
        """Guessing ahead changes nothing here either."""
        flags = ("--grammar", 'root ::= ([a-z]+ " "){20} [a-z]+ "."', "--temp", "0")
        with_guesses = self.answer(*flags)
        self.assertEqual(with_guesses["text"], self.answer(*flags, "--speculation", "off")["text"])
        self.assertRegex(with_guesses["text"], r"^([a-z]+ ){20}[a-z]+\.$")

    def test_a_grammar_ends_where_it_says(self):
        said = self.answer("--grammar", "root ::= [^.]{10,200} [.]", "--ignore-eos")
        self.assertEqual(said["finish"], "end")
        self.assertIsNotNone(re.fullmatch(r"[^.]{10,200}\.", said["text"]))

    def test_json_schema(self):
        schema = {"type": "object", "required": ["name", "age", "pets"], "properties": {
            "name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 3,
                                                                 "maximum": 99},
            "pets": {"type": "array", "maxItems": 2, "items": {"enum": ["cat", "dog"]}}}}
        path = self.file("schema.json", json.dumps(schema))
        for seed in range(6):
            flags = ("-j", json.dumps(schema)) if seed % 2 else ("--json-schema-file", path)
            said = self.answer(*flags, "--seed", str(seed), "--temp", "1.5")
            self.assertEqual(said["finish"], "end")
            value = json.loads(said["text"])
            self.assertEqual(list(value), ["name", "age", "pets"])
            self.assertLessEqual(len(value["name"]), 12)
            self.assertIn(value["age"], range(3, 100))
            self.assertLessEqual(len(value["pets"]), 2)
            self.assertLessEqual(set(value["pets"]), {"cat", "dog"})

    def test_errors(self):
        done = hearth.run("run", "hi", "-m", MODEL, "-j", '{"not": {}}')
        self.assertEqual(done.code, 2)
        self.assertIn("'not' cannot be kept", done.errors[0])
        for grammar, words in (("root ::= (", "not closed"), ("a ::= \"x\"", "no rule 'root'"),
                               ("root ::= root \"a\" | \"b\"", "left recursion")):
            done = hearth.run("run", "hi", "-m", MODEL, "--grammar", grammar)
            self.assertEqual(done.code, 2)
            self.assertIn(words, done.errors[0])
        done = hearth.run("run", "hi", "-m", MODEL, "--grammar-file", "/no/such/file")
        self.assertEqual(done.code, 1)
        done = hearth.run("run", "hi", "-m", MODEL, "--grammar", "root ::= \"a\"",
                          "--grammar-file", "x")
        self.assertEqual(done.code, 2)


if __name__ == "__main__":
    unittest.main()
