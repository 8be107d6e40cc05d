#!/usr/bin/env python3
"""timm's weight files start our nets: same logits, and `train --init` takes
them. Builds timm's mobilenetv4_conv_small at its three widths and its
tf_efficientnet_lite0 to 2 with random weights, saves them with the safetensors library, and compares logits.

Environment: BEARCASCADE, NET_LOGITS (the programs). Prints TAP; skips all
where torch, timm or safetensors is missing.
"""
import os
import subprocess
import sys
import tempfile

from tap import check, done

try:
    import safetensors.torch
    import timm
    import torch
except ImportError as e:
    print(f"1..0 # SKIP {e}; pip install torch timm safetensors")
    sys.exit(0)


def random_model(name, classes):
    """Weights as drawn; norms moved away from their neutral start."""
    torch.manual_seed(7)
    m = timm.create_model(name, num_classes=classes)
    with torch.no_grad():
        for key, t in m.state_dict().items():
            if key.endswith("running_mean"):
                t.uniform_(-0.3, 0.3)
            elif key.endswith("running_var"):
                t.uniform_(0.5, 1.5)
            elif t.ndim == 1 and t.is_floating_point():
                t.add_(torch.empty_like(t).uniform_(-0.2, 0.2))
            elif key == "classifier.weight":
                t.normal_(0, 0.001)  # logits of a few units
    return m.eval()


def compare(name, width, size, classes, folder):
    m = random_model(name, classes)
    path = os.path.join(folder, f"{name}.safetensors")
    safetensors.torch.save_file(m.state_dict(), path)
    x = torch.randn(3, size, size, 3)
    with torch.no_grad():
        want = m.double()(x.permute(0, 3, 1, 2).double())
    r = subprocess.run(
        [os.environ["NET_LOGITS"], path, str(width), str(size), str(classes)],
        input=x.numpy().tobytes(), capture_output=True)
    log = r.stderr.decode()
    if r.returncode != 0:
        check(False, f"{name} loads", log)
        return path
    got = torch.tensor([[float(v) for v in line.split()]
                        for line in r.stdout.decode().splitlines()],
                       dtype=torch.double)
    check("left at random" not in log and "no place" not in log,
          f"{name}: every tensor is taken, none is left", log)
    worst = (got - want).abs().max().item() if got.shape == want.shape else 9
    check(worst < 1e-4 and want.abs().max() > 0.1,
          f"{name} at {size} px: logits differ by {worst:.1e} at most",
          f"{got}\n{want}")
    return path


def fine_tune(path, width, folder):
    """The command itself, on rendered images."""
    exe = os.environ["BEARCASCADE"]
    data = os.path.join(folder, "data")
    subprocess.run([exe, "synth", "--out", data, "--count", "160", "--seed",
                    "3", "--size", "64", "--quiet"], check=True,
                   capture_output=True)
    r = subprocess.run(
        [exe, "train", data, "--out", os.path.join(folder, "run"), "--init",
         path, "--gate-width", str(width), "--species-width", str(width),
         "--gate-size", "32", "--species-size", "32", "--epochs", "1",
         "--batch", "16", "--freeze-epochs", "1", "--layer-decay", "0.7",
         "--freeze-bn-stats", "3", "--quiet"], capture_output=True)
    log = r.stderr.decode()
    check(r.returncode == 0, "train --init takes timm's file", log)
    check("230 of 232 tensors" in log and "classifier.weight is 1000x1280"
          in log, "and says what was left, and why", log)


def main():
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, width, size, classes in (
                ("mobilenetv4_conv_small", 1.0, 96, 1000),
                ("mobilenetv4_conv_small_050", 0.5, 128, 10),
                ("tf_efficientnet_lite0", 0, 100, 7),  # told by its tensors
                ("tf_efficientnet_lite1", 0, 75, 1000),
                ("tf_efficientnet_lite2", 0, 90, 10),
                ("mobilenetv4_conv_small_035", 0.35, 64, 1000)):
            path = compare(name, width, size, classes, folder)
        fine_tune(path, 0.35, folder)
    return done()


if __name__ == "__main__":
    sys.exit(main())
