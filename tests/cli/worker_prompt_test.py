"""What a worker tells of prompts and times, as some dialects of the server need it."""
import unittest

import worker


class WorkerPromptTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = worker.Worker(context=256)

    @classmethod
    def tearDownClass(cls):
        cls.worker.close()

    def answer(self, prompt, **members):
        request = self.worker.ask("generate", prompt=prompt, max_tokens=4, **members)
        deltas = []
        for _, kind, told in self.worker.events(request):
            if kind == "delta":
                deltas.append(told)
            elif kind == "finished":
                return deltas, told
        self.fail("the answer did not finish")

    def chat(self, **members):
        messages = [{"role": "user", "content": "Hi"}]
        _, finished = self.answer({"chat": {"variables": {"messages": messages}, **members}},
                                  show_prompt=True)
        return finished["prompt"]

    def test_prompts_are_shown_on_request_only(self):
        _, finished = self.answer({"plain": ["Once upon a time"]}, show_prompt=True)
        self.assertEqual(len(finished["prompt"]), finished["prompt_tokens"])
        _, finished = self.answer({"plain": ["Once upon a time"]})
        self.assertFalse(finished.get("prompt"))

    def test_earlier_tokens_stand_in_front_of_a_conversation(self):
        alone = self.chat()
        bos, rest = alone[0], alone[1:]
        self.assertEqual(self.chat(before=[bos, 40, 41]), [bos, 40, 41] + rest)

    def test_seconds_of_pieces_go_on(self):
        deltas, _ = self.answer({"plain": ["Once upon a time"]})
        seconds = [delta["seconds"] for delta in deltas]
        self.assertEqual(seconds, sorted(seconds))
        self.assertGreaterEqual(seconds[0], 0)


if __name__ == "__main__":
    unittest.main()
