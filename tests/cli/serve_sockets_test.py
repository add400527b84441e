"""hearth serve on a Unix socket and over TLS."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import unittest

import hearth

NAME = "localhost"


@contextlib.contextmanager
def listening(*flags):
    """A server; gives the line that says where it listens."""
    command = [hearth.PROGRAM, "serve", "--cache-disk", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=hearth.PATIENCE) == 0
        process.stdout.close()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__(NAME, timeout=hearth.PATIENCE)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(hearth.PATIENCE)
        self.sock.connect(self.path)


def complete(connection):
    """Text of the same short answer, streamed and not, over one connection."""
    texts = []
    for stream in (False, True):
        connection.request("POST", "/v1/completions", json.dumps({
            "prompt": "Once", "max_tokens": 8, "temperature": 0, "stream": stream}))
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        events = [line[6:] for line in text.split("\n\n") if line][:-1] if stream else [text]
        texts.append("".join(json.loads(event)["choices"][0]["text"] for event in events))
    return texts


class SocketsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.expected = 2 * [hearth.run("run", "Once", "--temp", "0", "-n", "8").text]

    def test_a_unix_socket_is_for_its_owner_alone(self):
        path = self.folder / "hearth.sock"
        with listening("--unix-socket", path) as line:
            self.assertEqual(line, f"hearth is listening on unix:{path}\n")
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with contextlib.closing(UnixConnection(path)) as connection:
                self.assertEqual(complete(connection), self.expected)
        self.assertFalse(path.exists())

    def test_a_socket_that_a_dead_server_left_is_taken_over(self):
        path = self.folder / "hearth.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with listening("--unix-socket", path):
            with contextlib.closing(UnixConnection(path)) as connection:
                self.assertEqual(complete(connection), self.expected)

    def test_a_server_that_is_there_is_not_pushed_aside(self):
        path = self.folder / "hearth.sock"
        with listening("--unix-socket", path):
            second = hearth.run("serve", "--unix-socket", path)
            self.assertEqual(second.code, 1)
            self.assertIn(b"another server listens there", second.err)
            with contextlib.closing(UnixConnection(path)) as connection:
                self.assertEqual(complete(connection), self.expected)

    def test_a_file_that_is_no_socket_stays(self):
        path = self.folder / "notes.txt"
        path.write_text("mine")
        done = hearth.run("serve", "--unix-socket", path)
        self.assertEqual(done.code, 1)
        self.assertIn(b"notes.txt", done.err)
        self.assertEqual(path.read_text(), "mine")

    def make_certificate(self):
        certificate, key = self.folder / "cert.pem", self.folder / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return certificate, key

    def test_tls(self):
        certificate, key = self.make_certificate()
        with listening("--port", "0", "--ssl-cert-file", certificate, "--ssl-key-file",
                       key) as line:
            found = re.fullmatch(r"hearth is listening on https://127\.0\.0\.1:(\d+)\n", line)
            port = int(found[1])
            trusting = ssl.create_default_context(cafile=str(certificate))
            connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting,
                                                     timeout=hearth.PATIENCE)
            with contextlib.closing(connection):
                self.assertEqual(complete(connection), self.expected)
            # Without TLS nothing is answered; and the next client is.
            with socket.create_connection(("127.0.0.1", port)) as plain:
                plain.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                self.assertNotIn(b"HTTP/1.1", plain.recv(4096))
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
            with socket.create_connection(("127.0.0.1", port)) as outdated:
                with self.assertRaises((ssl.SSLError, OSError)):
                    old.wrap_socket(outdated)
            with contextlib.closing(http.client.HTTPSConnection(
                    "127.0.0.1", port, context=trusting, timeout=hearth.PATIENCE)) as connection:
                self.assertEqual(complete(connection), self.expected)

    def test_certificates_that_are_none(self):
        certificate, key = self.make_certificate()
        empty = self.folder / "empty.pem"
        empty.write_text("")
        for flags, code, words in [
                (["--ssl-cert-file", certificate], 2, b"--ssl-key-file"),
                (["--ssl-cert-file", empty, "--ssl-key-file", key], 1, b"no certificate"),
                (["--ssl-cert-file", certificate, "--ssl-key-file", empty], 1, b"no key"),
                (["--ssl-cert-file", self.folder / "none", "--ssl-key-file", key], 1, b"none")]:
            done = hearth.run("serve", "--port", "0", *flags)
            self.assertEqual(done.code, code, done.err)
            self.assertIn(words, done.err)


if __name__ == "__main__":
    unittest.main()
