"""Decoder processes: what comes out hangs on the bytes alone, whatever happens to the processes."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation_core import decoder_process, decoding
from curation_core.decoder_process import Decoded
from curation_core.decoding import (
    CRASHED,
    Decoders,
    check_job,
    decode_apart,
    decoders,
    pixels_job,
    size_job,
    thumbnail_job,
)
from curation_core.errors import CurationError, IngestError
from curation_core.images import OUT_OF_MEMORY, decode_image

# a codec with holes: what it does to a decoder that reads one of these instead of a picture
HOLES = """
import ctypes, os, time
from curation_core import decoder, images
whole = decoder.answer
def answer(wanted, max_side, data):
    if data == b"segfault":
        ctypes.string_at(0)
    if data == b"exit":
        os._exit(3)
    if data == b"spin":
        while True:
            pass
    if data == b"sleep":
        time.sleep(1000)
    if data == b"fill":
        bytearray(1 << 40)
    if data == b"write":
        with open("written-by-a-codec", "w") as file:
            file.write("x" * 100_000)
    if data == b"babble":
        os.write(1, b"babble")
        print("babble", flush=True)
    if data == b"lie":
        return 7, 0, 0, b""
    return whole(wanted, max_side, data)
decoder.answer = answer
"""
PROGRAM = decoder_process.PROGRAM.replace("decoder.serve", HOLES + "decoder.serve")


def png(number=0, size=(12, 8)):
    buffer = io.BytesIO()
    Image.new("RGB", size, (number % 256, 100, 200)).save(buffer, "PNG")
    return buffer.getvalue()


def noise(size, kind="JPEG"):
    buffer = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def leaky():
    """Decoders whose codec has holes, with little time."""
    pool = Decoders(2, seconds=0.5, program=PROGRAM)
    yield pool
    pool.close()


def decode_all(pool, *datas, job=check_job):
    return [found for _, found in pool.map((number, job(data)) for number, data in enumerate(datas))]


def test_results_come_in_the_order_of_the_jobs_and_those_given_come_back():
    jobs = [(n, "was refused before" if n % 7 == 3 else size_job(png(size=(n + 1, 2)))) for n in range(200)]
    found = list(decoders().map(jobs))
    assert [key for key, _ in found] == list(range(200))
    assert all(r == ("was refused before" if n % 7 == 3 else Decoded(n + 1, 2)) for n, r in found)


def test_the_pixels_are_those_that_decoding_here_gives():
    data = noise((700, 500))
    for max_side in (256, None):
        (found,) = decode_all(decoders(), data, job=lambda data, side=max_side: pixels_job(data, side))
        expected = decode_image(data, max_side=max_side)
        assert (found.width, found.height, found.data) == (*expected.size, expected.tobytes())


def test_one_picture_can_be_decoded_apart():
    data = noise((700, 500))
    assert decode_apart(data, max_side=100).tobytes() == decode_image(data, max_side=100).tobytes()
    assert decode_apart(data).size == (700, 500)
    with pytest.raises(IngestError, match="not an image"):
        decode_apart(b"no picture")


def test_a_thumbnail_is_a_webp_of_128_pixels_with_the_size_of_the_whole():
    (found,) = decode_all(decoders(), noise((400, 300)), job=thumbnail_job)
    with Image.open(io.BytesIO(found.data)) as small:
        assert (found.width, found.height, small.size, small.format) == (400, 300, (128, 96), "WEBP")


def test_one_process_and_three_give_the_same():
    rng = np.random.default_rng(3)
    datas = [noise((int(w), 40)) if w % 3 else b"no picture %d" % w for w in rng.integers(20, 200, 60)]
    results = []
    for n in (1, 3):
        with Decoders(n) as pool:
            results.append(decode_all(pool, *datas, job=thumbnail_job))
    assert results[0] == results[1]
    assert sum(isinstance(found, str) for found in results[0]) > 5


@pytest.mark.parametrize("hole", [b"segfault", b"exit", b"lie"])
def test_a_crash_costs_one_item_and_no_other(leaky, hole):
    good = [png(n) for n in range(9)]
    found = decode_all(leaky, *good[:4], hole, *good[4:])
    assert found[4] == CRASHED
    assert [r for r in found if r != CRASHED] == [Decoded(12, 8)] * 9


def test_a_picture_that_takes_too_long_is_refused(leaky):
    began = time.perf_counter()
    found = decode_all(leaky, png(), b"spin", png())
    assert found == [Decoded(12, 8), "decoding it took longer than 0.5 s", Decoded(12, 8)]
    assert time.perf_counter() - began < 30


def test_a_decoder_that_sleeps_is_not_waited_for_for_ever(leaky, monkeypatch):
    monkeypatch.setattr(decoder_process, "_WALL", 2.0)
    assert decode_all(leaky, b"sleep", png()) == ["decoding it took longer than 0.5 s", Decoded(12, 8)]


def test_too_much_memory_is_a_reason_and_not_a_crash(leaky):
    assert decode_all(leaky, b"fill", png()) == [OUT_OF_MEMORY, Decoded(12, 8)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_the_limit_of_memory_holds_for_real_pictures():
    grey = io.BytesIO()
    Image.new("F", (6000, 6000)).save(grey, "TIFF", compression="tiff_deflate")  # 144 MB, twice that as float64
    with Decoders(1, memory=300 << 20) as pool:
        found = decode_all(pool, png(), grey.getvalue(), png())
    assert found == [Decoded(12, 8), OUT_OF_MEMORY, Decoded(12, 8)]


def test_a_decoder_cannot_write_a_file_and_what_it_prints_harms_nothing(leaky, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Decoders(1, program=PROGRAM) as pool:
        found = decode_all(pool, b"write", b"babble", png())
    assert found[0] == CRASHED
    assert "not an image" in found[1]
    assert found[2] == Decoded(12, 8)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_a_killed_decoder_costs_nothing():
    pool = Decoders(1)
    data = noise((3000, 2000))
    decode_all(pool, png())
    (victim,) = pool.pids()
    os.kill(victim, signal.SIGKILL)
    assert decode_all(pool, png()) == [Decoded(12, 8)]

    def jobs():
        for number in range(6):
            for pid in pool.pids() if number == 3 else []:
                os.kill(pid, signal.SIGKILL)
            yield number, check_job(data)

    assert [found for _, found in pool.map(jobs())] == [Decoded(3000, 2000)] * 6
    pool.close()


def test_only_a_little_is_taken_ahead():
    taken = []

    def jobs():
        for number in range(400):
            taken.append(number)
            yield number, size_job(png())

    pool = Decoders(2)
    results = pool.map(jobs())
    next(results)
    assert len(taken) <= 16 * 6
    results.close()
    pool.close()


def test_large_pictures_are_taken_few_at_a_time(monkeypatch):
    monkeypatch.setattr(decoding, "_AHEAD_BYTES", 3 << 20)
    taken = []

    def jobs():
        for number in range(20):
            taken.append(number)
            yield number, size_job(png() + bytes(2 << 20))

    with Decoders(4) as pool:
        results = pool.map(jobs())
        assert next(results) == (0, Decoded(12, 8))
        assert len(taken) == 2
        assert [key for key, _ in results] == list(range(1, 20))


def test_a_decoder_that_cannot_start_is_the_machines_fault_and_said_so():
    with (
        Decoders(1, program="raise SystemExit(9)") as pool,
        pytest.raises(CurationError, match=r"cannot be started \(it ended with 9\)"),
    ):
        decode_all(pool, png())


def test_decoders_end_with_the_process_that_started_them_even_when_it_is_killed():
    code = (
        "import sys, time; from curation_core.decoding import decoders, size_job\n"
        "pool = decoders(); list(pool.map([(0, size_job(b'x'))])); print(*pool.pids(), flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert pids
    process.kill()
    process.wait()
    process.stdout.close()
    until = time.monotonic() + 20
    while any(is_running(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in pids)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_decoder_is_light_and_holds_no_secret(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    pool = Decoders(1)
    decode_all(pool, png())
    (pid,) = pool.pids()
    assert b"hunter2" not in Path(f"/proc/{pid}/environ").read_bytes()
    loaded = Path(f"/proc/{pid}/maps").read_text()
    assert "libarrow" not in loaded
    assert "pydantic" not in loaded
    pool.close()
