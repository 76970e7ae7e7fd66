# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""virtio-loopback: resets under traffic, and that what it tells of them holds."""

import json
import os
import re
import shutil
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from backends import TestpmdBackend
from program import PATIENCE, Program

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
# Of the longest run that ends itself, 500 s, and of a start and an end on a busy machine.
RUN_TIME = 600


@pytest.fixture
def loopback(host):
    """loopback(option...): (exit status, all that it said)"""
    def run(*options, program=host.loopback, **more):
        more.setdefault("env", host.env)
        done = subprocess.run([program, *options], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              timeout=RUN_TIME, **more)
        (host.logs / "loopback.log").write_text(done.stdout)
        return done.returncode, done.stdout
    return run


@pytest.fixture
def measured(host, loopback):
    """measured(option...): what it wrote with --json, the run having passed"""
    def run(*options, **more):
        path = host.folder / "run.json"
        status, said = loopback("--json", str(path), *options, **more)
        assert status == 0, said
        assert "PASSED" in said and "FAILED" not in said
        result = json.loads(path.read_text())
        assert result["passed"] and not result["failures"] and result["leaked"] == 0
        return result
    return run


def adds_up(result):
    """Its own verdict, once more from its numbers."""
    for queue in result["queues"]:
        dropped = queue["tx_reset_dropped"] + queue["rx_reset_dropped"]
        assert queue["lost"] == queue["duplicated"] == queue["reordered"] == queue["corrupt"] == 0
        assert queue["stopped_carried"] == 0
        assert queue["stopped_polls"] >= queue["resets"]
        assert queue["sent"] == queue["backend_taken"] + queue["tx_reset_dropped"]
        assert queue["backend_written"] == queue["received"] + queue["rx_reset_dropped"]
        assert queue["missing"] == dropped
        assert queue["received"] > 0
        if queue["resets"] == 0:
            assert queue["sent"] == queue["received"]


def test_queues_are_reset_in_turn(measured):
    result = measured("--queues", "3", "--rounds", "4", "--ring-sizes", "64,1024,32")
    adds_up(result)
    assert [reset["queue"] for reset in result["resets"]] == [0, 1, 2] * 4
    sizes = [64, 1024, 32]
    for number, reset in enumerate(result["resets"]):
        turn = number // 3 + reset["queue"]
        assert (reset["ring_from"], reset["ring_to"]) == (sizes[turn % 3], sizes[(turn + 1) % 3])
        assert reset["stop_us"] > 0 and reset["reclaim_us"] > 0 and reset["start_us"] > 0
    assert [queue["resets"] for queue in result["queues"]] == [4, 4, 4]


def test_single_rings_are_resized(measured):
    steps = [("rx", 0, 1024), ("tx", 0, 64), ("rx", 0, 32), ("tx", 0, 4096), ("tx", 1, 32),
             ("rx", 1, 2048), ("rx", 0, 256), ("tx", 0, 256), ("rx", 1, 512), ("tx", 1, 512)]
    schedule = ",".join(f"{kind}{queue}:{size}" for kind, queue, size in steps)
    result = measured("--queues", "2", "--rounds", "2", "--resize-schedule", schedule)
    adds_up(result)
    resets = result["resets"]
    assert [(reset["rings"], reset["queue"], reset["ring_to"]) for reset in resets] == 2 * steps
    # The law of the memory: what a ring takes is its size's, and an old ring has none.
    taken = {}
    for reset in resets:
        more = reset["zones_after"] - reset["zones_before"]
        for sizes, change in (((reset["ring_from"], reset["ring_to"]), more),
                              ((reset["ring_to"], reset["ring_from"]), -more)):
            assert taken.setdefault((reset["rings"], *sizes), change) == change
    assert resets[-1]["zones_after"] == resets[0]["zones_before"]
    # Of the heap too, but for what lies between two pieces; an old ring would be many times that.
    heap = [reset["heap_after"] for reset in resets]
    assert abs(heap[-1] - heap[len(steps) - 1]) < 4096 < max(heap) - min(heap)


@pytest.mark.parametrize("kind", ["rx", "tx"])
def test_resize_without_memory_leaves_the_queue_as_it_was(measured, kind):
    result = measured("--queues", "2", "--rounds", "2", "--resize-schedule",
                      f"{kind}1:1024!,{kind}1:1024,{kind}1:512")
    adds_up(result)
    sizes = [(reset["ring_from"], reset["ring_to"], reset["no_memory"])
             for reset in result["resets"]]
    assert sizes == 2 * [(512, 512, True), (512, 1024, False), (1024, 512, False)]


@pytest.mark.parametrize("method", ["get_base", "disable"])
def test_a_drain_loses_nothing(measured, method):
    # Time for a machine that is busy with other work too.
    result = measured("--queues", "2", "--rounds", "250", "--interval", "0", "--method", method,
                      "--drain", "1000000", "--seconds", "500")
    adds_up(result)
    assert len(result["resets"]) == 500
    for queue in result["queues"]:
        assert queue["resets"] > 0
        assert queue["tx_reset_dropped"] == queue["rx_reset_dropped"] == queue["missing"] == 0


@pytest.mark.parametrize("more", [[], ["--devargs", "mrg_rxbuf=0"], ["--devargs", "packed_vq=1"],
                                  ["--no-huge"], ["--drain", "1000000"]], ids=" ".join)
def test_pools_on_memory_of_the_programs_own(measured, more):
    result = measured("--queues", "2", "--rounds", "6", "--extbuf", *more)
    adds_up(result)
    for queue in result["queues"]:
        # In every other life; and there is one life more than there are resets.
        assert 0 < queue["external"] < queue["received"]


def test_memory_of_the_programs_own_at_another_process(loopback, started, host):
    serve = Program("backend", [host.loopback, "--serve", host.socket()], host.log("backend"),
                    host.env, errors_apart=True)
    started.append(serve)
    host.wait_socket()
    status, said = loopback("--backend", host.socket(), "--rounds", "4", "--extbuf")
    assert status == 0, said


def test_time_line_shows_each_reset(measured, host):
    result = measured("--queues", "2", "--rounds", "2")
    shown = {row[0] for row in result["timeline"]}
    for reset in result["resets"]:
        assert set(range(int(reset["at_ms"]), int(reset["end_ms"]) + 1)) <= shown
    picture = host.folder / "timeline.png"
    subprocess.run([ROOT / "devtools/plot-timeline.py", host.folder / "run.json", picture],
                   check=True, timeout=RUN_TIME, env={**os.environ, "MPLCONFIGDIR": host.folder})
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [
    ["--method", "get_base"], ["--method", "disable"],
    ["--devargs", "in_order=0"], ["--devargs", "mrg_rxbuf=0"],
    ["--devargs", "mrg_rxbuf=0,in_order=0"],
    ["--no-huge"], ["--queues", "1"], ["--queues", "9", "--rounds", "1"],
    ["--interval", "0", "--rounds", "20"],
], ids=" ".join)
def test_ways_to_run(measured, options):
    rounds = [] if "--rounds" in options else ["--rounds", "3"]
    adds_up(measured(*options, *rounds))


def test_one_core_is_enough(measured, host):
    core = min(os.sched_getaffinity(0))
    result = measured("--rounds", "2", preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    assert result["cores"] == 1
    adds_up(result)


def test_run_that_time_ends_has_not_passed(loopback, host):
    path = host.folder / "run.json"
    status, said = loopback("--rounds", "1000000", "--seconds", "3", "--json", str(path))
    assert status == 3, said
    result = json.loads(path.read_text())
    made = len(result["resets"])
    assert f", {made} of 4000000 resets (ended by --seconds)\n" in said
    assert said.endswith(f"INCOMPLETE: {made} of 4000000 resets were made, and nothing failed in "
                         "these\n")
    assert result["ended_by"] == "--seconds" and result["resets_wanted"] == 4000000
    assert result["verdict"] == "INCOMPLETE" and not result["passed"] and not result["failures"]
    adds_up(result)


@pytest.mark.parametrize("options, wanted", [
    (["--queues", "3"], 6), (["--queues", "3", "--reset-queues", "0,2"], 4),
    (["--queues", "2", "--resize-schedule", "rx0:64,tx1:64,rx0:256"], 6),
], ids=["all queues", "two queues", "schedule"])
def test_resets_are_counted_before_they_are_made(measured, options, wanted):
    result = measured("--rounds", "2", *options)
    assert result["resets_wanted"] == len(result["resets"]) == wanted
    assert result["verdict"] == "PASSED"


def run_apart(host, *options, stdout=subprocess.PIPE):
    """The program run to its end, stdout and stderr apart."""
    return subprocess.run([host.loopback, *options], stdout=stdout, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=RUN_TIME, env=host.env,
                          cwd=host.folder)


def test_json_to_standard_output(host):
    done = run_apart(host, "--rounds", "1", "--json", "-")
    assert done.returncode == 0, done.stderr
    # Nothing else is there: it can be piped into any reader of JSON.
    adds_up(json.loads(done.stdout))
    assert b"PASSED" in done.stderr
    assert not (host.folder / "-").exists()


def test_capture_to_standard_output(host):
    done = run_apart(host, "--rounds", "1", "--pcap-out", "-", "--json", "run.json")
    assert done.returncode == 0, done.stderr
    path = host.folder / "out.pcap"
    path.write_bytes(done.stdout)
    result = json.loads((host.folder / "run.json").read_text())
    assert len(read_pcap(path)) == sum(queue["received"] for queue in result["queues"])
    assert not (host.folder / "-").exists()


@pytest.mark.parametrize("options", [["--rounds", "1"], ["--help"], ["--version"],
                                     ["--rounds", "1", "--json", "-"]], ids=" ".join)
def test_standard_output_that_is_full_is_no_success(host, options):
    with open("/dev/full", "wb") as full:
        done = run_apart(host, *options, stdout=full)
    assert done.returncode == 1
    assert b"is not complete: " in done.stderr


def test_serve_counters_that_cannot_be_written_are_no_success(host):
    with open("/dev/full", "wb") as full:
        serve = subprocess.Popen([host.loopback, "--serve", host.socket()], stdout=full,
                                 stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=host.env)
        try:
            host.wait_socket()
            serve.send_signal(signal.SIGTERM)
            said = serve.communicate(timeout=PATIENCE)[1]
        finally:
            serve.kill()
            serve.wait()
    assert serve.returncode == 1
    assert b"standard output is not complete: " in said


def test_table_has_a_legend(loopback):
    status, said = loopback("--rounds", "1", "--queues", "2")
    assert status == 0, said
    for word in "lost", "dropped", "longest gap":
        assert re.search(rf"^ *queue.*\b{word}\b", said, re.M)
        assert re.search(rf"^{word}: \w", said, re.M)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run it as somebody else")
@pytest.mark.parametrize("options", [[], ["--no-huge"]], ids=["chosen memory", "no hugepages"])
def test_root_is_not_needed(loopback, host, options):
    folder = host.folder / "nobody"
    folder.mkdir(mode=0o700)
    host.folder.chmod(0o755)
    program = shutil.copy(host.loopback, folder)
    for path in (folder, program):
        os.chown(path, NOBODY, NOBODY)
    status, said = loopback("--rounds", "2", *options, program=program, user=NOBODY, group=NOBODY,
                            extra_groups=[], cwd=folder,
                            env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(folder)})
    assert status == 0, said


def read_pcap(path):
    """The frames of a capture."""
    data = path.read_bytes()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    assert struct.unpack_from(order + "I", data, 20) == (1,)
    at, frames = 24, []
    while at < len(data):
        length, = struct.unpack_from(order + "I", data, at + 8)
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def flow_of(frame):
    """What is the same in all frames of a flow; fragments have addresses and no ports."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    kind, at = frame[at:at + 2], at + 2
    if kind == b"\x08\x00":
        proto, ports = frame[at + 9], frame[at + 20:at + 24]
        fragment = struct.unpack_from("!H", frame, at + 6)[0] & 0x3fff
        addresses = frame[at + 12:at + 20]
    elif kind == b"\x86\xdd":
        proto, ports, fragment = frame[at + 6], frame[at + 40:at + 44], 0
        addresses = frame[at + 8:at + 40]
    else:
        return kind, frame[:12]
    return kind, proto, addresses, b"" if fragment or proto not in (6, 17) else ports


def by_flow(frames):
    flows = {}
    for frame in frames:
        flows.setdefault(flow_of(frame), []).append(frame)
    return flows


def is_part_in_order(part, whole):
    rest = iter(whole)
    return all(any(frame == other for other in rest) for frame in part)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    path = tmp_path_factory.mktemp("capture") / "mixed.pcap"
    subprocess.run([ROOT / "devtools/make-capture.py", path, "1500"], check=True,
                   stdout=subprocess.DEVNULL)
    return path


def test_the_made_capture_is_mixed(capture):
    frames = read_pcap(capture)
    sizes = [len(frame) for frame in frames]
    assert len(frames) == 1500 and min(sizes) == 60 and max(sizes) == 9000
    assert len(by_flow(frames)) > 50


def test_capture_comes_back_as_it_was(measured, capture, host):
    out = host.folder / "out.pcap"
    result = measured("--pcap-in", str(capture), "--pcap-out", str(out), "--reset-queues", "1",
                      "--rounds", "6")
    adds_up(result)
    queues = result["queues"]
    assert [queue["resets"] for queue in queues] == [0, 6, 0, 0]

    sent, back = by_flow(read_pcap(capture)), by_flow(read_pcap(out))
    unaffected = [queue for queue in queues if queue["resets"] == 0]
    whole, missing = 0, 0
    for flow, frames in sent.items():
        came = back.pop(flow)
        if any(came == frames * queue["passes"] for queue in unaffected):
            whole += len(came)
        else:
            everything = frames * queues[1]["passes"]
            assert is_part_in_order(came, everything)
            missing += len(everything) - len(came)
    assert not back
    # A short flow of the queue that was reset may look whole, having missed just whole passes.
    assert whole >= sum(queue["received"] for queue in unaffected)
    assert missing <= queues[1]["missing"]


def test_capture_of_another_kind_is_refused(loopback, host):
    path = host.folder / "bad.pcap"
    status, said = loopback("--pcap-in", str(path))
    assert status == 2 and "bad.pcap" in said
    path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    status, said = loopback("--pcap-in", str(path))
    assert status == 2 and "not Ethernet" in said
    path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    status, said = loopback("--pcap-in", str(path))
    assert status == 2 and "no packet in it" in said


def test_captured_packets_that_are_cut_are_left_out(measured, loopback, host):
    path = host.folder / "cut.pcap"
    frame = bytes(12) + b"\x88\xb6" + bytes(46)
    path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) +
                     struct.pack("<IIII", 0, 0, 60, 60) + frame +
                     struct.pack("<IIII", 0, 0, 60, 1500) + frame)
    status, said = loopback("--pcap-in", str(path), "--queues", "2", "--rounds", "2")
    assert status == 0, said
    assert "1 packets left out" in said and "no flow of the capture falls on it" in said


@pytest.mark.parametrize("option", ["--json", "--pcap-out"])
def test_output_that_cannot_be_written_is_noticed_first(loopback, host, option):
    for path in host.folder / "none" / "file", host.folder:
        status, said = loopback("--rounds", "1", option, str(path))
        assert status == 2
        # Nothing was begun: no line of memory and cores, no result.
        assert re.fullmatch(rf"{option}\b.*: cannot write there: .*\n", said)
        assert str(path) in said


@pytest.mark.parametrize("option", ["--json", "--pcap-out"])
def test_output_that_is_cut_is_no_success(loopback, option):
    status, said = loopback("--rounds", "1", option, "/dev/full")
    assert status == 1
    assert "FAILED: /dev/full is not complete" in said


def test_a_port_that_cannot_do_it_fails_with_its_reason(loopback):
    status, said = loopback("--method", "off", "--rounds", "1")
    assert status == 1
    assert "FAILED: queue 0 cannot be stopped" in said and "0 buffers leaked" in said


def test_external_back_end(loopback, started, host):
    serve = Program("backend", [host.loopback, "--serve", host.socket()], host.log("backend"),
                    host.env, errors_apart=True)
    started.append(serve)
    host.wait_socket()
    for _ in range(2):
        status, said = loopback("--backend", host.socket(), "--rounds", "2")
        assert status == 0, said
    since = serve.mark()
    serve.process.send_signal(signal.SIGTERM)
    state = json.loads(serve.expect(r"^\{.*\}$", since)[0])
    assert serve.wait(PATIENCE) == 0
    assert not state["connected"] and not state["running"]
    for rx, tx in zip(state["rings"][0::2], state["rings"][1::2]):
        assert tx["packets"] == rx["packets"] + rx["held"] + rx["discarded"] > 0
        assert rx["resets"] == rx["restarts"] == tx["resets"] == tx["restarts"] == 4
    assert not Path(host.socket()).exists()


def test_stock_back_end_has_its_rings_disabled(loopback, started, host):
    serve = Program("backend", [host.loopback, "--serve", host.socket(), "--serve-stock"],
                    host.log("backend"), host.env, errors_apart=True)
    started.append(serve)
    host.wait_socket()
    status, said = loopback("--backend", host.socket(), "--rounds", "2", "--verbose")
    assert status == 0, said
    assert "single queues are stopped by: disable (the back-end offers what librte_vhost" in said
    since = serve.mark()
    serve.process.send_signal(signal.SIGTERM)
    state = json.loads(serve.expect(r"^\{.*\}$", since)[0])
    assert serve.wait(PATIENCE) == 0
    # The library for queue reset has not seen them.
    for ring in state["rings"]:
        assert ring["packets"] > 0 and ring["resets"] == ring["restarts"] == 0


def test_back_end_that_drops_is_a_failure_that_may_be_its_own(loopback, start_backend, host):
    # It takes every packet and sends none back.
    backend = start_backend(TestpmdBackend)
    backend.forward("rxonly")
    status, said = loopback("--backend", host.socket(), "--queues", "2", "--rounds", "2")
    assert status == 1
    assert re.search(r"^FAILED: queue 0: \d+ packets lost outside of its own resets$", said, re.M)
    assert f"What is lost may be what {host.socket()} has dropped itself" in said


def test_back_end_that_dies_is_a_failure_and_no_leak(host, started):
    serve = Program("backend", [host.loopback, "--serve", host.socket()], host.log("backend"),
                    host.env, errors_apart=True)
    started.append(serve)
    host.wait_socket()
    program = Program("loopback", [host.loopback, "--backend", host.socket(),
                                   "--rounds", "1000000"], host.log("loopback"), host.env)
    started.append(program)
    program.expect(r"resets, the last one: queue")
    serve.process.kill()
    program.expect(r"0 buffers leaked")
    program.expect(r"FAILED: queue \d+ ")
    assert program.wait(PATIENCE) == 1


def test_back_end_that_is_not_there(loopback, host):
    status, said = loopback("--backend", host.socket())
    assert status == 2 and "no socket there" in said


def test_interrupted_run_still_tells(host, started):
    program = Program("loopback", [host.loopback, "--rounds", "1000000"], host.log("loopback"),
                      host.env)
    started.append(program)
    # The output is a terminal: it tells how far it is, over and over, in one line.
    program.expect(r"resets, the last one: queue \d+ from ring \d+ to \d+ in")
    program.process.send_signal(signal.SIGINT)
    program.expect(r"\d+ of 4000000 resets \(ended by a signal\)")
    program.expect(r"INCOMPLETE: \d+ of 4000000 resets were made")
    assert program.wait(PATIENCE) == 3


HELP = re.compile(r"^  (?:-[a-z], )?(--[a-z-]+)", re.MULTILINE)


def test_help_names_every_option(loopback):
    status, said = loopback("--help")
    assert status == 0
    options = set(HELP.findall(said))
    source = (ROOT / "app/virtio-loopback/options.c").read_text()
    assert options == {"--" + name for name in re.findall(r'\{ "([a-z-]+)", \w+_argument', source)}
    for status in "0", "1", "2", "3":
        assert re.search(rf"^  {status} +\w", said, re.MULTILINE)
    assert loopback("-h") == (0, said)


def test_version_is_that_of_the_tree(loopback):
    version = (ROOT / "VERSION").read_text().strip()
    status, said = loopback("--version")
    assert status == 0
    assert re.fullmatch(rf"virtio-loopback {re.escape(version)}, DPDK \d+\.\d+.*\n", said)


@pytest.mark.parametrize("options, message", [
    (["--queues", "0"], "--queues 0: must be a number from 1 to 128"),
    (["--queues", "129"], "--queues 129: must be a number from 1 to 128"),
    (["--queues", "2x"], "--queues 2x: must be a number"),
    (["--rounds", "-1"], "--rounds -1: must be a number"),
    (["--rounds", "0"], "--rounds 0: must be a number from 1 to 1000000"),
    (["--json", "-", "--pcap-out", "-"], "only one of them"),
    (["--ring-sizes", "100"], "100 is no power of two"),
    (["--ring-sizes", "16"], "from 32 to 32768"),
    (["--ring-sizes", "256,"], "must be a number"),
    (["--reset-queues", "4"], "from 0 to 3"),
    (["--drain", "0"], "--drain 0: must be a number from 1 to 1000000"),
    (["--resize-schedule", "rx0"], "a step is such as rx0:1024"),
    (["--resize-schedule", "rx0:64,"], "a step is such as rx0:1024"),
    (["--resize-schedule", "rx0:64!!"], "a step is such as rx0:1024"),
    (["--resize-schedule", "tx:64"], "a step is such as rx0:1024"),
    (["--resize-schedule", "rx4:64"], "queues are 0 to 3"),
    (["--resize-schedule", "rx0:96"], "powers of two from 32 to 32768"),
    (["--resize-schedule", ",".join(65 * ["rx0:64"])], "at most 64 steps"),
    (["--resize-schedule", "rx0:64", "--reset-queues", "1"], "do not go together"),
    (["--method", "magic"], "must be auto, get_base, disable or off"),
    (["--serve-source"], "go with --serve PATH"),
    (["--serve-stock"], "go with --serve PATH"),
    (["--serve", "/tmp/x", "--rounds", "1"], "--serve goes only with"),
    (["--serve", "/" + "x" * 200], "1 to 107 bytes"),
    (["--nonsense"], "--help"),
    (["nonsense"], "not an option"),
    (["--queues"], "--help"),
    (["--devargs", "nonsense=1"], "nonsense"),
], ids=lambda value: " ".join(value)[:24] if isinstance(value, list) else "")
def test_wrong_options_are_refused(loopback, options, message):
    status, said = loopback(*options)
    assert status == 2
    assert message in said


def test_nothing_is_left_behind(measured, host):
    for options in [], ["--no-huge"]:
        measured("--rounds", "1", *options)
        left = sorted(str(path.relative_to(host.folder)) for path in host.folder.rglob("*"))
        assert left == ["dpdk", "run.json"]
