"""hearth serve: the server and its workers as programs use them, over real sockets."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

import hearth


class Port(int):
    """Where a server listens, and its process."""
    pid = 0


@contextlib.contextmanager
def serving(*flags):
    """A server on a free port; gives the port."""
    command = [hearth.PROGRAM, "serve", "--port", "0", "--cache-disk", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"hearth is listening on http://127\.0\.0\.1:(\d+)\n", line)
        port = Port(found[1])
        port.pid = process.pid
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=hearth.PATIENCE) == 0
        process.stdout.close()


def ask(port, path, body=None, method=None, **headers):
    """Status, headers and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=hearth.PATIENCE)
    with contextlib.closing(connection):
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method or ("GET" if body is None else "POST"), path, text,
                           {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()


def complete(port, prompt, **more):
    status, _, text = ask(port, "/v1/completions", {"prompt": prompt, "temperature": 0, **more})
    assert status == 200, text
    return json.loads(text)["choices"][0]["text"]


def places(port):
    return json.loads(ask(port, "/slots")[2])


def wait_until(condition):
    end = time.monotonic() + hearth.PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def workers(port):
    """Processes of the server's engine workers."""
    tasks = pathlib.Path(f"/proc/{port.pid}/task/{port.pid}/children").read_text()
    return [int(pid) for pid in tasks.split()]


class ServeTest(unittest.TestCase):
    def test_answers_are_those_of_run(self):
        expected = hearth.run("run", "Once upon a time", "--temp", "0", "-n", "40").text
        with serving() as port:
            self.assertEqual(complete(port, "Once upon a time", max_tokens=40), expected)

    def test_a_stream_says_the_same(self):
        with serving() as port:
            whole = complete(port, "The dog", max_tokens=30)
            _, headers, text = ask(port, "/v1/completions", {
                "prompt": "The dog", "temperature": 0, "max_tokens": 30, "stream": True})
            self.assertEqual(headers["content-type"], "text/event-stream")
            events = [line[6:] for line in text.split("\n\n") if line]
            self.assertEqual(events.pop(), "[DONE]")
            chunks = [json.loads(event)["choices"][0] for event in events]
            self.assertEqual("".join(chunk["text"] for chunk in chunks), whole)
            self.assertEqual([c["finish_reason"] for c in chunks if c["finish_reason"]], ["length"])

    def test_the_same_answer_alone_and_among_others(self):
        prompts = [f"{name} went to the {place} and"
                   for name in ("Tom", "Lily", "A cat", "The king")
                   for place in ("park", "sea", "shop", "house", "moon", "farm", "city", "lake")]
        with serving("-np", "8") as port:
            alone = [complete(port, prompt, max_tokens=40, cache_prompt=False)
                     for prompt in prompts]
            with concurrent.futures.ThreadPoolExecutor(len(prompts)) as threads:
                together = list(threads.map(lambda p: complete(port, p, max_tokens=40), prompts))
            self.assertEqual(together, alone)

    def test_a_schema_is_kept_and_a_call_is_forced(self):
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
        tool = {"type": "function", "function": {"name": "count", "parameters": schema}}
        messages = [{"role": "user", "content": "How many?"}]
        with serving() as port:
            form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
            _, _, text = ask(port, "/v1/chat/completions",
                             {"messages": messages, "response_format": form})
            answer = json.loads(text)["choices"][0]["message"]["content"]
            self.assertIsInstance(json.loads(answer)["n"], int)
            _, _, text = ask(port, "/v1/chat/completions",
                             {"messages": messages, "tools": [tool], "tool_choice": "required"})
            choice = json.loads(text)["choices"][0]
            self.assertEqual(choice["finish_reason"], "tool_calls")
            call = choice["message"]["tool_calls"][0]["function"]
            self.assertEqual(call["name"], "count")
            self.assertIsInstance(json.loads(call["arguments"])["n"], int)

    def test_nothing_is_dropped_in_silence(self):
        with serving() as port:
            _, headers, _ = ask(port, "/v1/completions",
                                {"prompt": "a", "max_tokens": 1, "user": "me", "zzz": {"y": 1}})
            self.assertEqual(headers["x-ignored-fields"], "user, zzz")
            status, _, text = ask(port, "/v1/completions", {"prompt": "a", "top_p": "high"})
            self.assertEqual((status, json.loads(text)["error"]["param"]), (400, "top_p"))

    def test_a_prompt_that_is_too_long_is_told_with_numbers(self):
        with serving() as port:
            status, _, text = ask(port, "/v1/completions", {"prompt": "word " * 600})
            error = json.loads(text)["error"]
            self.assertEqual((status, error["type"]), (400, "exceed_context_size_error"))
            self.assertEqual(error["n_ctx"], 512)
            self.assertGreater(error["n_prompt_tokens"], 600)

    def test_other_sites_are_kept_out(self):
        with serving() as port:
            for headers, expected in [({}, 200),
                                      ({"Host": f"localhost:{port}"}, 200),
                                      ({"Host": "evil.example"}, 403),
                                      ({"Host": f"localhost.evil.example:{port}"}, 403),
                                      ({"Host": "localhost:1"}, 403),
                                      ({"Origin": f"http://127.0.0.1:{port}"}, 200),
                                      ({"Origin": "http://evil.example"}, 403),
                                      ({"Origin": f"http://localhost.evil.example:{port}"}, 403),
                                      ({"Origin": "null"}, 403)]:
                status, answer, _ = ask(port, "/v1/models", **headers)
                self.assertEqual(status, expected, headers)
                self.assertNotEqual(answer.get("access-control-allow-origin"), "*")

    def test_keys(self):
        with serving("--api-key", "secret") as port:
            body = {"prompt": "a", "max_tokens": 1}
            self.assertIn(ask(port, "/health")[0], (200, 503))  # ready or loading, but no 401
            for headers, expected in [({}, 401), ({"Authorization": "Bearer wrong!"}, 401),
                                      ({"Authorization": "Bearer secret"}, 200),
                                      ({"x_api_key": "secret"}, 200)]:
                self.assertEqual(ask(port, "/v1/completions", body, **headers)[0], expected)

    def test_refuses_other_machines_without_a_key(self):
        done = hearth.run("serve", "--host", "0.0.0.0", "--port", "0")
        self.assertEqual(done.code, 2)
        self.assertIn(b"--api-key", done.err)

    def test_a_client_that_leaves_frees_its_place(self):
        with serving("-np", "1") as port:
            for stream in (True, False):
                connection = http.client.HTTPConnection("127.0.0.1", int(port))
                connection.request("POST", "/v1/completions", json.dumps({
                    "prompt": "Once", "max_tokens": 480, "ignore_eos": True, "stream": stream}))
                wait_until(lambda: any(place["is_processing"] for place in places(port)))
                connection.close()
                wait_until(lambda: not any(place["is_processing"] for place in places(port)))

    def test_a_worker_that_is_killed_takes_nothing_with_it(self):
        with serving("-np", "1") as port:
            before = complete(port, "Once", max_tokens=5)
            (worker,) = workers(port)
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: not workers(port))
            self.assertEqual(complete(port, "Once", max_tokens=5), before)

    @unittest.skipIf(hearth.SANITIZED, "sanitizers need calls that the sandbox forbids")
    def test_workers_are_in_their_sandbox(self):
        with serving() as port:
            complete(port, "Once", max_tokens=1)
            for worker in workers(port):
                status = pathlib.Path(f"/proc/{worker}/status").read_text()
                self.assertIn("Seccomp:\t2\n", status)
                self.assertIn("NoNewPrivs:\t1\n", status)


if __name__ == "__main__":
    unittest.main()
