"""Our nets in PyTorch, with the weights of our files on demand. For the peers'
scripts. MobileNetV4-Conv-Small is built here as docs/architecture.md has it and
needs torch alone; EfficientNet-Lite is timm's."""
import json
import struct
from collections import OrderedDict

import torch
from torch import nn


def scaled(v):
    c = max(8, int(v + 4) // 8 * 8)
    return c + 8 if c < 0.9 * v else c


def conv(names, i, o, k, s=1, groups=1, act=True):
    """Convolution, norm and perhaps ReLU; names are those in the file."""
    layers = [nn.Conv2d(i, o, k, s, k // 2, groups=groups, bias=False),
              nn.BatchNorm2d(o)]
    m = nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if act else []))
    m.names = names
    return m


class Bottleneck(nn.Module):
    def __init__(self, at, i, o, start, mid, stride, expand):
        super().__init__()

        def names(part):
            return f"{at}.{part}.conv", f"{at}.{part}.bn"
        m, layers = scaled(i * expand), []
        if start:
            layers.append(conv(names("dw_start"), i, i, start,
                               1 if mid else stride, i, False))
        layers.append(conv(names("pw_exp"), i, m, 1))
        if mid:
            layers.append(conv(names("dw_mid"), m, m, mid, stride, m))
        layers.append(conv(names("pw_proj"), m, o, 1, act=False))
        self.body, self.keep = nn.Sequential(*layers), i == o and stride == 1

    def forward(self, x):
        y = self.body(x)
        return x + y if self.keep else y


BOTTLENECKS = [  # stage, start, mid, stride, expansion, channels
    (2, 5, 5, 2, 3, 96), *[(2, 0, 3, 1, 2, 96)] * 4, (2, 3, 0, 1, 4, 96),
    (3, 3, 3, 2, 6, 128), (3, 5, 5, 1, 4, 128), (3, 0, 5, 1, 4, 128),
    (3, 0, 5, 1, 3, 128), (3, 0, 3, 1, 4, 128), (3, 0, 3, 1, 4, 128)]


def network(width, outputs):
    def c(v):
        return scaled(v * width)

    def plain(at, *a):
        return conv((f"blocks.{at}.conv", f"blocks.{at}.bn1"), *a)
    stem = 32 if width < 1 else c(32)
    layers = [conv(("conv_stem", "bn1"), 3, stem, 3, 2),
              plain("0.0", stem, c(32), 3, 2), plain("0.1", c(32), c(32), 1),
              plain("1.0", c(32), c(96), 3, 2), plain("1.1", c(96), c(64), 1)]
    i, count = c(64), {}
    for stage, start, mid, stride, expand, out in BOTTLENECKS:
        n = count[stage] = count.get(stage, -1) + 1
        layers.append(Bottleneck(f"blocks.{stage}.{n}", i, c(out), start, mid,
                                 stride, expand))
        i = c(out)
    layers += [plain("4.0", i, c(960), 1), nn.AdaptiveAvgPool2d(1),
               conv(("conv_head", "norm_head"), c(960), 1280, 1),
               nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, outputs)]
    return nn.Sequential(*layers)


def build(arch, width, outputs):
    """arch: a word of common/net/arch.h."""
    if arch == "mobilenetv4":
        return network(width, outputs)
    import timm
    # tf_: TensorFlow's padding and epsilon, which are ours.
    return timm.create_model("tf_" + arch.replace("-", "_"),
                             num_classes=outputs, drop_rate=0.2)


def read_safetensors(path):
    """Metadata and tensors (float32) of a file."""
    kinds = {"F32": torch.float32, "F16": torch.float16}
    with open(path, "rb") as f:
        head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = bytearray(f.read())
    meta, out = head.pop("__metadata__", {}), OrderedDict()
    for name, t in head.items():
        if t["dtype"] in kinds:
            begin, end = t["data_offsets"]
            out[name] = torch.frombuffer(
                data[begin:end], dtype=kinds[t["dtype"]]).reshape(
                    t["shape"]).float()
    return meta, out


def load(net, tensors, prefix):
    """Copy the weights of one net of our files into what build() made."""
    if not isinstance(net, nn.Sequential):
        state = {k: tensors[prefix + k].reshape(v.shape)
                 for k, v in net.state_dict().items()
                 if not k.endswith("num_batches_tracked")}
        net.load_state_dict(state, strict=False)
        return
    def put(module, name):
        module.load_state_dict(
            {k: tensors[f"{prefix}{name}.{k}"].reshape(v.shape)
             for k, v in module.state_dict().items()
             if k != "num_batches_tracked"}, strict=False)
    for m in net.modules():
        if hasattr(m, "names"):
            put(m[0], m.names[0])
            put(m[1], m.names[1])
    put(net[-1], "classifier")


def fuse_norms(net):
    """Batch norms folded into the convolutions, for inference. timm's layers
    hold norm and activation in one and stay; torch.compile folds them."""
    for m in net.modules():
        if hasattr(m, "names"):
            m[0] = nn.utils.fusion.fuse_conv_bn_eval(m[0], m[1])
            m[1] = nn.Identity()
    return net
