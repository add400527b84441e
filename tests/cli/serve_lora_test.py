"""hearth serve with LoRA adapters that each request scales for itself."""
import concurrent.futures
import json
import unittest

import hearth
import lora_test
import serve_test
from gguf_file import GgufFile

PROMPT = "Once upon a time there was a little dog who"


class ServeLoraTest(hearth.Case):
    def setUp(self):
        super().setUp()
        shapes = lora_test.shapes_of(GgufFile(hearth.MODEL.read_bytes()), lora_test.LAYER_PARTS)
        self.paths = [self.file(f"{seed}.gguf", lora_test.Adapter(shapes, alpha=4, seed=seed).data)
                      for seed in (1, 2)]

    def expected(self, *scales):
        flags = [f"--lora-scaled={path}:{scale}"
                 for path, scale in zip(self.paths, scales) if scale]
        return hearth.run("run", PROMPT, "--temp", "0", "-n", "24", *flags).text

    @staticmethod
    def ask(port, scales=None, **more):
        body = {"prompt": PROMPT, "temperature": 0, "n_predict": 24, **more}
        if scales is not None:
            body["lora"] = [{"id": i, "scale": scale} for i, scale in enumerate(scales)]
        status, _, text = serve_test.ask(port, "/completion", body)
        assert status == 200, text
        return json.loads(text)

    def test_each_request_gets_what_it_asks_for(self):
        kinds = [(1, 0.5), (0, 0), (1, 0), (0, -1)]
        expected = {kind: self.expected(*kind) for kind in kinds}
        self.assertEqual(len(set(expected.values())), len(kinds))
        with serve_test.serving("--lora", self.paths[0], "--lora-scaled",
                                self.paths[1] + ":0.5", "-np", "3") as port:
            self.assertEqual(self.ask(port)["content"], expected[1, 0.5])  # as they were loaded
            for kind in kinds:
                self.assertEqual(self.ask(port, kind)["content"], expected[kind])
            # Together, over and over, and with what places and the cache remember of others.
            asked = kinds * 6
            with concurrent.futures.ThreadPoolExecutor(8) as threads:
                got = list(threads.map(lambda kind: self.ask(port, kind)["content"], asked))
            self.assertEqual(got, [expected[kind] for kind in asked])
            again = self.ask(port, (1, 0.5))
            self.assertGreater(again["tokens_cached"], 0)
            self.assertEqual(again["content"], expected[1, 0.5])

    def test_adapters_that_are_not_there(self):
        with serve_test.serving("--lora", self.paths[0]) as port:
            for lora, field in (([{"id": 1, "scale": 1}], "lora[0].id"),
                                ([{"id": -1}], "lora[0].id"),
                                ([{"id": 0, "scale": "much"}], "lora[0].scale"), ("one", "lora")):
                status, _, text = serve_test.ask(port, "/completion", {"prompt": "a", "lora": lora})
                self.assertEqual(status, 400, text)
                self.assertIn(field, text)


if __name__ == "__main__":
    unittest.main()
