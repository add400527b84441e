#!/usr/bin/python3
"""Where the output goes wrong: full disks, closed streams, folders that cannot be written. Nothing
half-written stays, and what stood there before does."""
import json
import os
import resource
import shutil
import subprocess
import unittest

import hearth
from hearth import MODEL

FAILED, USAGE = 1, 2
NOBODY = 65534
IDS = ",".join(["1"] + ["420"] * 99)  # their logits take 1.6 MB
LOGITS = ("logits", "--tokens", IDS, "-o")
RUN = ("run", "-n", "30", "--seed", "1", "--ignore-eos", "Once")


class StandardStreams(hearth.Case):
    def test_full_disk(self):
        for args in (RUN, (*RUN, "--json"), ("show",), ("doctor",), ("tokenize", "hello"),
                     ("--help",), ("run", "--help"), ("--version",)):
            with self.subTest(args), open("/dev/full", "wb") as full:
                self.assert_one_line(hearth.run(*args, stdout=full), FAILED,
                                     "standard output", "no space left")

    def test_full_disk_under_perplexity_and_chat(self):
        story = self.file("story", "word " * 700)
        with open("/dev/full", "wb") as full:
            self.assert_one_line(hearth.run("perplexity", "-f", story, stdout=full), FAILED,
                                 "standard output", "no space left")
            done = hearth.run("chat", "-n", "5", stdout=full, stdin=b"Hello\nHello\n")
            self.assert_one_line(done, FAILED, "standard output", "no space left")

    def test_closed_output(self):
        for args in (RUN, ("show",), ("tokenize", "hello")):
            with self.subTest(args):
                done = hearth.run(*args, stdout=None, preexec_fn=lambda: os.close(1))
                self.assert_one_line(done, FAILED, "standard output")

    def test_reader_that_leaves(self):
        """As in `hearth run ... | head -c 10`: no signal kills it, and it stops soon."""
        for args in (("run", "-n", "-1", "-c", "100000", "--ignore-eos", "Once"),
                     ("chat", "-n", "20000", "-c", "100000")):
            with self.subTest(args), self.started(*args, stdin=subprocess.PIPE) as process:
                if args[0] == "chat":
                    process.stdin.write(b"Once\n" * 50)
                    process.stdin.flush()
                self.assertEqual(len(process.stdout.read(10)), 10)
                process.stdout.close()
                process.stdout = None
                done = self.end(process)
                self.assertIn(done.code, (0, FAILED))
                if done.code == FAILED:
                    self.assertIn("standard output", done.errors[-1])
                self.assertLessEqual(len([e for e in done.errors if "warning" not in e]), 1)

    def test_closed_input(self):
        done = hearth.run("run", preexec_fn=lambda: os.close(0))
        self.assert_one_line(done, USAGE, "prompt is empty")
        self.assertEqual(hearth.run("chat", preexec_fn=lambda: os.close(0)).code, 0)
        done = hearth.run("run", "-n", "3", "Once", preexec_fn=lambda: os.close(0))
        self.assertEqual((done.code, bool(done.out)), (0, True))

    def test_closed_errors(self):
        """What would be said to standard error must not land in a file that is opened later."""
        want = self.logits(MODEL, [1, 420]).tobytes()
        path = self.folder / "out"
        for streams in ((2,), (0, 2), (0, 1, 2)):
            def close(streams=streams):
                for fd in streams:
                    os.close(fd)
            done = hearth.run("logits", "--tokens", "1,420", "-o", str(path), preexec_fn=close)
            self.assertEqual(done.code, 0)
            self.assertEqual(path.read_bytes()[8:], want)
        done = hearth.run(*RUN, stderr=None, preexec_fn=lambda: os.close(2))
        self.assertEqual(done.out, hearth.run(*RUN).out)
        self.assertEqual(done.code, 0)
        done = hearth.run("run", "-m", "none", "x", stderr=None, preexec_fn=lambda: os.close(2))
        self.assertEqual((done.code, done.out), (FAILED, b""))

    def test_json_is_one_object(self):
        done = self.succeed(*RUN, "--json")
        value = json.loads(done.text)
        self.assertEqual(done.text.count("\n"), 1)
        self.assertEqual(value["finish"], "length")
        self.assertEqual(value["answer_tokens"], 30)
        self.assertEqual(value["text"], self.succeed(*RUN).text)

    def test_quiet_says_nothing(self):
        self.assertEqual(self.succeed(*RUN, "-q").err, b"")

    def test_stop_strings(self):
        flags = ("run", "--temp", "0", "-n", "60", "-q", "Once upon a time")
        whole = self.succeed(*flags).text
        for stop in (" Lily", "Lily. She", "\n", "day, she"):
            if stop in whole:
                cut = self.succeed(*flags, "--stop", "none of this", "-r", stop).text
                self.assertEqual(cut, whole[:whole.index(stop)])


class Files(hearth.Case):
    def check_kept(self, code, words, *args, **options):
        """The command fails; the file that stood there stays as it was, nothing else appears."""
        old = self.file("old", "precious")
        done = hearth.run(*args, old, **options)
        self.assert_one_line(done, code, *words)
        self.assert_tidy("old")
        self.assertEqual((self.folder / "old").read_text(), "precious")

    def test_places_that_cannot_be_written(self):
        for path, words in ((f"{self.folder}/none/x", ("no such file",)), (str(self.folder), ()),
                            ("/dev/full", ()), (f"{self.folder}/", ()),
                            (f"{self.folder}/" + "x" * 300, ("too long",))):
            with self.subTest(path):
                done = hearth.run(*LOGITS, path)
                self.assert_one_line(done, FAILED, path[:40], *words)
                self.assert_tidy()

    def test_folder_without_permission(self):
        user = NOBODY if os.geteuid() == 0 else None
        place = self.folder / "place"
        place.mkdir()
        self.folder.chmod(0o755)
        place.chmod(0o555)
        try:
            done = hearth.run(*LOGITS, str(place / "x"), user=user)
        except PermissionError:
            self.skipTest("NOT CHECKED: another user cannot start the program here")
        self.assert_one_line(done, FAILED, "x", "permission denied")
        self.assertEqual(list(place.iterdir()), [])

    def test_a_failure_keeps_the_old_file(self):
        self.check_kept(USAGE, ("does not exist",), "logits", "--tokens", "1,2,99999", "-o")
        self.check_kept(FAILED, ("-c",), "logits", "--tokens", "1,2,3", "-c", "2", "-o")

    def test_file_size_limit(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        self.check_kept(FAILED, ("old", "too large"), *LOGITS, preexec_fn=limit)

    def test_full_small_disk(self):
        place = self.folder / "disk"
        place.mkdir()
        script = ('mount -t tmpfs -o size=256k tmpfs "$1" || exit 77; shift; "$@"; code=$?; '
                  'ls -A "$(dirname "$0")"; exit $code')
        command = ["unshare", "-rm", "sh", "-c", script, str(place / "x"), str(place),
                   hearth.PROGRAM, *LOGITS, str(place / "x")]
        if shutil.which("unshare") is None:
            self.skipTest("NOT CHECKED: there is no unshare to mount a small disk with")
        done = subprocess.run(command, capture_output=True, check=False, timeout=hearth.PATIENCE)
        if done.returncode == 77 or b"unshare" in done.stderr:
            self.skipTest("NOT CHECKED: mounting a small disk is not allowed here")
        self.assert_one_line(hearth.Done(done.returncode, b"", done.stderr), FAILED,
                             "no space left", "free some space")
        self.assertEqual(done.stdout, b"", "files left on the full disk")

    def test_an_existing_file_is_replaced(self):
        old = self.file("old", "x" * 10)
        self.succeed("logits", "--tokens", "1", "-o", old)
        self.assertEqual((self.folder / "old").stat().st_size, 8 + 4 * 4096)
        self.assert_tidy("old")

    def test_names_with_odd_bytes(self):
        path = os.fsencode(self.folder) + b"/o\n\x1b[31m\xff"
        self.succeed("logits", "--tokens", "1", "-o", path)
        self.assert_one_line(hearth.run("logits", "--tokens", "1", "-o", path + b"/x"), FAILED,
                             "\\x1b")


if __name__ == "__main__":
    unittest.main()
