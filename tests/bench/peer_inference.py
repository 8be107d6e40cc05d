#!/usr/bin/env python3
"""Inference beside PyTorch, ONNX Runtime and OpenVINO: one net, the same
weights, turn by turn in one run; medians and ratios.

    python3 tests/bench/peer_inference.py build \
        [--model models/bears.safetensors] [--net species] [--batches 1,32] \
        [--rounds 9] [--cpu avx2]

Peers that are not installed are left out, and so is a mode that does not work
(torch.compile wants a C++ compiler); a line on stderr says why. Every peer
gets as many threads as we use and its own favourite settings: PyTorch
channels_last under inference_mode with folded batch norms, and the same
through torch.compile; ONNX Runtime with all graph optimisations; OpenVINO for
latency, and for throughput where the batch can be shared between its streams;
all in float32. Before anything is timed the logits of all must agree to 1e-3.

--cpu avx2 compares our AVX2 kernels with PyTorch under
ATEN_CPU_CAPABILITY=avx2; --onednn-avx2 holds PyTorch's oneDNN to AVX2 too.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--model", default="models/bears.safetensors")
    p.add_argument("--net", default="species", choices=["gate", "species"])
    p.add_argument("--batches", default="1,32")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--turn", type=float, default=0.3, help="seconds")
    p.add_argument("--peers", default="torch,compile,onnxruntime,openvino")
    p.add_argument("--cpu", choices=["avx2"])
    p.add_argument("--onednn-avx2", action="store_true")
    a = p.parse_args()
    a.batches = [int(b) for b in a.batches.split(",")]
    a.peers = a.peers.split(",")
    if a.cpu:
        os.environ["BEARCASCADE_CPU"] = a.cpu
        os.environ["ATEN_CPU_CAPABILITY"] = a.cpu
        a.peers = [p for p in a.peers if p in ("torch", "compile")]
    if a.onednn_avx2:
        os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
    return a


class Ours:
    """bench_infer as a child that stays."""
    name = "bearcascade"

    def __init__(self, a, x, file):
        x.tofile(file)
        # What the program sets for itself: pipelines/cli/main.c.
        env = {"GOMP_SPINCOUNT": "3000", **os.environ}
        self.child = subprocess.Popen(
            [os.path.join(a.build, "tests/bench/bench_infer"), a.model, a.net,
             file, str(len(x))], stdin=subprocess.PIPE, env=env,
            stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.child.stdout.readline())

    def ask(self, text):
        self.child.stdin.write(text + "\n")
        self.child.stdin.flush()
        return [float(v) for v in self.child.stdout.readline().split()]

    def logits(self, b):
        return np.array(self.ask(f"logits {b}")).reshape(b, -1)

    def time(self, b, calls):
        return self.ask(f"run {b} {calls}")[0]


class Peer:
    """In this process: run(b) computes the logits of b images."""

    def logits(self, b):
        return np.asarray(self.run(b)).reshape(b, -1)

    def time(self, b, calls):
        t = []
        for _ in range(calls):
            t0 = time.perf_counter()
            self.run(b)
            t.append(time.perf_counter() - t0)
        return statistics.median(t)


class Torch(Peer):
    def __init__(self, a, x, onnx, threads, compiled=False):
        import torch
        import torch_net
        torch.set_num_threads(threads)
        self.torch = torch
        meta, tensors = torch_net.read_safetensors(a.model)
        spec = json.loads(meta[a.net + ".net"])
        net = torch_net.build(spec["architecture"].replace("_", "-")
                              .replace("-conv-small", ""),
                              spec.get("width", 1), len(spec["outputs"]))
        torch_net.load(net, tensors, a.net + ".")
        net = torch_net.fuse_norms(net.eval())
        net = net.to(memory_format=torch.channels_last)
        self.name = "PyTorch " + torch.__version__.split("+")[0]
        if compiled:
            import torch._inductor.config
            torch._inductor.config.freezing = True
            net = torch.compile(net)
            self.name += " compiled"
        if a.onednn_avx2:
            self.name += ", oneDNN AVX2"
        self.net = net
        self.x = {b: torch.from_numpy(x[:b]).permute(0, 3, 1, 2)
                  for b in a.batches}
        assert all(v.is_contiguous(memory_format=torch.channels_last)
                   for v in self.x.values())

    def run(self, b):
        with self.torch.inference_mode():
            return self.net(self.x[b])


class Compiled(Torch):
    def __init__(self, *a):
        super().__init__(*a, compiled=True)


class OnnxRuntime(Peer):
    def __init__(self, a, x, onnx, threads):
        import onnxruntime as ort
        o = ort.SessionOptions()
        o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
        self.session = ort.InferenceSession(
            onnx, o, providers=["CPUExecutionProvider"])
        self.name = "ONNX Runtime " + ort.__version__
        self.bound = {}
        for b in a.batches:
            self.bound[b] = self.session.io_binding()
            self.bound[b].bind_cpu_input("image", nchw(x[:b]))
            self.bound[b].bind_output("logits")

    def run(self, b):
        self.session.run_with_iobinding(self.bound[b])
        return self.bound[b].get_outputs()[0].numpy()


class OpenVino(Peer):
    hint = "LATENCY"

    def __init__(self, a, x, onnx, threads):
        import openvino as ov
        self.name = f"OpenVINO {ov.__version__.split('-')[0]} " \
            f"{self.hint.lower()}"
        self.requests = {}
        for b in a.batches:
            core, model = ov.Core(), ov.Core().read_model(onnx)
            options = {"PERFORMANCE_HINT": self.hint,
                       "INFERENCE_NUM_THREADS": threads,
                       "INFERENCE_PRECISION_HINT": "f32"}
            n = self.parts(b, threads)
            model.reshape([b // n, 3, *x.shape[1:3]])
            c = core.compile_model(model, "CPU", options)
            self.requests[b] = [c.create_infer_request() for _ in range(n)]
            for i, r in enumerate(self.requests[b]):
                part = x[i * b // n:(i + 1) * b // n]
                r.set_input_tensor(ov.Tensor(nchw(part)))

    def parts(self, b, threads):
        return 1

    def run(self, b):
        for r in self.requests[b]:
            r.start_async()
        for r in self.requests[b]:
            r.wait()
        return np.concatenate([r.get_output_tensor(0).data
                               for r in self.requests[b]])


class OpenVinoStreams(OpenVino):
    """The batch shared out to as many requests as there are threads."""
    hint = "THROUGHPUT"

    def parts(self, b, threads):
        return threads if b % threads == 0 else 1


KINDS = {"torch": [Torch], "compile": [Compiled],
         "onnxruntime": [OnnxRuntime],
         "openvino": [OpenVino, OpenVinoStreams]}


def nchw(x):
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def export(a, folder):
    """The net as ONNX, cut down to the logits."""
    import onnx
    from onnx.utils import extract_model
    whole, cut = (os.path.join(folder, n) for n in ("a.onnx", "b.onnx"))
    subprocess.run([os.path.join(a.build, "pipelines/bearcascade"), "export",
                    "--model", a.model, "--net", a.net, "--onnx", whole,
                    "--quiet"], check=True, stderr=subprocess.DEVNULL)
    extract_model(whole, cut, ["image"], ["logits"])
    onnx.checker.check_model(cut)
    return cut


def start_peers(a, x, onnx, threads):
    out = []
    for kind in [k for p in a.peers for k in KINDS[p]]:
        try:
            peer = kind(a, x, onnx, threads)
            for b in a.batches:
                peer.run(b)
            out.append(peer)
        except Exception as e:  # a peer that is missing or does not work
            print(f"left out {kind.__name__}: {str(e).splitlines()[0]}",
                  file=sys.stderr)
    return out


def agree(runners, b):
    want = runners[0].logits(b)
    for r in runners[1:]:
        off = np.abs(r.logits(b) - want).max()
        if not off < 1e-3:
            sys.exit(f"{r.name}: logits differ by {off:.2g} at batch {b}")


def compare(a, runners, b):
    calls, times = [], {r.name: [] for r in runners}
    for r in runners:
        r.time(b, 5)
        calls.append(max(3, int(a.turn / r.time(b, 5))))
    for _ in range(a.rounds):
        for r, n in zip(runners, calls):
            time.sleep(0.05)  # let the threads of the one before go to sleep
            r.time(b, 2)
            times[r.name].append(r.time(b, n))
    return times


def show(a, about, b, times):
    ours = times[Ours.name]
    for name, t in times.items():
        ratios = [p / o for p, o in zip(t, ours)]
        print(json.dumps({
            "net": about["net"], "width": about["width"], "size": about["size"],
            "isa": about["isa"], "threads": about["threads"], "batch": b,
            "who": name, "ms": round(1e3 * statistics.median(t), 4),
            "images_per_s": round(b / statistics.median(t), 1),
            "ours_over_it": round(statistics.median(ratios), 3),
            "min": round(min(ratios), 3), "max": round(max(ratios), 3)}),
            flush=True)


def main():
    a = parse()
    with tempfile.TemporaryDirectory() as folder:
        spec = json.loads(subprocess.run(
            [os.path.join(a.build, "pipelines/bearcascade"), "inspect",
             a.model, "--json"], check=True, capture_output=True).stdout)
        side = spec[a.net]["size"]
        x = np.random.default_rng(1).standard_normal(
            (max(a.batches), side, side, 3)).astype(np.float32)
        ours = Ours(a, x, os.path.join(folder, "input"))
        onnx = export(a, folder)
        runners = [ours] + start_peers(a, x, onnx, ours.about["threads"])
        for b in a.batches:
            agree(runners, b)
            show(a, ours.about, b, compare(a, runners, b))


main()
