# SPDX-License-Identifier: Apache-2.0
"""The canary scanner can find what it looks for: a scanner that finds nothing proves nothing."""

import base64
import pathlib
import quopri
import subprocess
import sys

import pytest

from harness import canary, machine

WORD = "bittern41subject"


@pytest.mark.parametrize("encoding", canary.ENCODINGS)
def test_it_finds_a_planted_word(folder: pathlib.Path, encoding: str) -> None:
    for index, form in enumerate(canary.encoded(WORD, encoding)):
        planted = folder / f"planted-{index}"
        planted.write_bytes(b"\x00\xff noise " + form + b" noise")
        hits = canary.scan_folder(folder, [WORD])
        assert [hit.encoding for hit in hits] == [encoding]
        planted.unlink()


@pytest.mark.parametrize("before", range(3))
@pytest.mark.parametrize("as_text", ["utf-8", "utf-16-le", "utf-16-be"])
def test_it_finds_a_word_inside_a_base64_body_with_line_breaks(before: int, as_text: str) -> None:
    text = "x" * (70 + before) + f" and {WORD} too"
    body = base64.encodebytes(text.encode(as_text))
    assert canary.scan_bytes(body, [WORD], "here")


def test_it_finds_a_word_broken_by_quoted_printable() -> None:
    body = quopri.encodestring(("a" * 66 + WORD + " ä").encode())
    assert WORD.encode() not in body and canary.scan_bytes(body, [WORD], "here")


def test_it_finds_words_whatever_their_case_and_in_names(folder: pathlib.Path) -> None:
    (folder / WORD.upper()).mkdir()
    assert canary.scan_folder(folder, [WORD])
    (folder / WORD.upper()).rmdir()


def test_it_finds_a_word_in_an_unlinked_file_and_on_a_command_line() -> None:
    script = f"import sys, tempfile; f = tempfile.TemporaryFile(); f.write({WORD.encode()!r}); f.flush(); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdin
        child.stdout.readline()
        places = {hit.place.split(" ")[0].rsplit("/", 1)[-1] for hit in canary.scan_process(child.pid, [WORD])}
        unlinked = canary.unlinked_files(child.pid)
        child.communicate(b"\n")
    assert "cmdline" in places and len(places) == 2 and unlinked


def test_it_leaves_out_what_it_is_told_to(folder: pathlib.Path) -> None:
    (folder / "mail").mkdir()
    (folder / "mail" / "one").write_text(WORD)
    assert not canary.scan_folder(folder, [WORD], leave_out=[folder / "mail"])
    assert canary.scan_folder(folder, [WORD])


def test_random_bytes_hold_no_canary() -> None:
    noise = subprocess.run([machine.program("openssl"), "rand", "4000000"], capture_output=True, check=True).stdout
    assert not canary.scan_bytes(noise, canary.Canaries().all(), "noise")
