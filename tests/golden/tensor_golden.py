#!/usr/bin/env python3
"""Golden values of the tensor core from PyTorch and timm.

Writes tensor_nets.json: logits (inference and training mode), loss and the norm
and three entries of every gradient of timm's mobilenetv4_conv_small at widths
1, 0.5 and 0.35 and of its tf_efficientnet_lite0 to 2, whose norms have
4 as bias in training so that ReLU6 cuts something off there too; tensor_optim.json: ten steps of SGD and AdamW; and
tensor_small.safetensors. Weights and inputs come from the integer formula
below, which tests/unit/tensor/golden.c repeats, so no weights need to be
stored. Needs: pip install torch timm.
"""
import json
import os
import zlib

import numpy as np
import safetensors.torch
import timm
import torch

HERE = os.path.dirname(os.path.abspath(__file__))


def uniform(name, n):
    """n floats in [-1, 1): a 32-bit integer hash of (crc32(name), index)."""
    h = np.arange(n, dtype=np.uint64) * 2654435761 + zlib.crc32(name.encode())
    h &= 0xFFFFFFFF
    for shift, mul in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        h ^= h >> np.uint64(shift)
        h = h * np.uint64(mul) & 0xFFFFFFFF
    h ^= h >> np.uint64(16)
    return (h.astype(np.float64) / 2147483648.0 - 1.0).astype(np.float32)


def fill(model, norm_bias):
    for name, t in model.state_dict().items():
        if "num_batches" in name:
            continue
        u = torch.from_numpy(uniform(name, t.numel())).reshape(t.shape)
        if t.ndim == 4:
            fan_out = t.shape[0] * t.shape[2] * t.shape[3]
            groups = t.shape[0] if t.shape[1] == 1 and t.shape[2] > 1 else 1
            t.copy_(u * float(np.float32(np.sqrt(6.0 * groups / fan_out))))
        elif name == "classifier.weight":
            t.copy_(u * 0.0625)
        elif name.endswith("running_var"):
            t.copy_(u * 0.5 + 1.0)
        elif name.endswith("weight"):
            t.copy_(u * 0.25 + 1.0)
        elif "bn" in name and name.endswith("bias"):
            t.copy_(u * 0.25 + norm_bias)
        else:
            t.copy_(u * 0.25)


def network(name, size, batch):
    torch.manual_seed(0)
    m = timm.create_model(name, num_classes=3, drop_rate=0.0)
    with torch.no_grad():
        fill(m, 0.0)
    x = torch.from_numpy(uniform("input", batch * size * size * 3))
    x = (x * 2).reshape(batch, size, size, 3).permute(0, 3, 1, 2).contiguous()
    m = m.double()
    x = x.double()
    m.eval()
    with torch.no_grad():
        infer = m(x).flatten().tolist()
    if "lite" in name:
        with torch.no_grad():
            fill(m, 4.0)
    m.train()
    z = m(x)
    target = torch.tensor([i % 3 for i in range(batch)])
    loss = torch.nn.functional.cross_entropy(z, target, label_smoothing=0.1)
    loss.backward()
    grads = {}
    for key, p in m.named_parameters():
        g = p.grad.flatten()
        picks = [0, g.numel() // 2, g.numel() - 1]
        grads[key] = [g.norm().item()] + [g[i].item() for i in picks]
    stats = {k: [b.flatten()[0].item(), b.flatten()[-1].item()]
             for k, b in m.named_buffers() if "running" in k}
    return {"model": name, "size": size, "batch": batch, "infer": infer,
            "train": z.flatten().tolist(), "loss": loss.item(),
            "gradients": grads, "running": stats}


def optimiser(kind, steps=10):
    n = 40
    w = torch.nn.Parameter(torch.from_numpy(uniform("w", n)).clone())
    b = torch.nn.Parameter(torch.from_numpy(uniform("b", n)).clone())
    groups = [{"params": [w], "weight_decay": 0.05},
              {"params": [b], "weight_decay": 0.0}]
    if kind == "sgd":
        opt = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    else:
        opt = torch.optim.AdamW(groups, lr=0.01)
    rows = []
    for step in range(steps):
        w.grad = torch.from_numpy(uniform("gw%d" % step, n)).clone()
        b.grad = torch.from_numpy(uniform("gb%d" % step, n)).clone()
        opt.step()
        rows.append({"w": w.tolist(), "b": b.tolist()})
    return [rows[0], rows[-1]]


def rounded(x):
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    if isinstance(x, list):
        return [rounded(v) for v in x]
    return float("%.9g" % x) if isinstance(x, float) else x


def save(name, data):
    with open(os.path.join(HERE, name), "w") as f:
        json.dump(rounded(data), f, separators=(",", ":"))
        f.write("\n")


def small_file():
    """A model file as the safetensors library writes it, in three dtypes."""
    def t(name, shape, dtype=torch.float32):
        n = int(np.prod(shape))
        return torch.from_numpy(uniform(name, n)).reshape(shape).to(dtype)

    tensors = {
        "net.conv_stem.weight": t("conv_stem.weight", (4, 3, 3, 2)),
        "net.classifier.weight":
            t("classifier.weight", (5, 4), torch.float16),
        "net.classifier.bias": t("classifier.bias", (5,), torch.bfloat16),
        "net.bn1.num_batches_tracked": torch.tensor(7),
        "net.extra": t("extra", (2, 0, 3)),
    }
    for part in ("weight", "bias", "running_mean", "running_var"):
        tensors["net.bn1." + part] = t("bn1." + part, (4,))
    safetensors.torch.save_file(
        tensors, os.path.join(HERE, "tensor_small.safetensors"),
        {"classes": "grizzly,black,teddy", "note": "gr\u00fcn \"x\"\n"})


small_file()
save("tensor_nets.json",
     [network("mobilenetv4_conv_small", 96, 4),
      network("mobilenetv4_conv_small_050", 97, 4),
      network("mobilenetv4_conv_small_035", 64, 6),
      network("tf_efficientnet_lite0", 97, 4),
      network("tf_efficientnet_lite0", 96, 4),
      network("tf_efficientnet_lite1", 70, 6),
      network("tf_efficientnet_lite2", 65, 4)])
save("tensor_optim.json", {k: optimiser(k) for k in ("sgd", "adamw")})
