"""The published pipeline (FG-NIC) over torchvision's networks, written from its description: no code of ours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def published_state(
    network: nn.Module, features: int, levels: int, depth: int, norms: bool, ensemble: bool, seed: int = 0
) -> dict[str, Tensor]:
    """A state dict as the authors' code writes it, with random numbers."""
    torch.manual_seed(seed)
    half = features // 2
    layers = {f"{name}.model": _dncnn(depth, norms) for name in ("restoration", "fidelity")}
    for kind in ("weight", "bias"):
        for level in range(levels):
            layers[f"cnn_layers_{kind}.{level}"] = nn.Sequential(
                nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1)
            )
    layers["mul_fc"] = _two(features, half, features)
    layers["cat_fc"] = _two(2 * features, half, features)
    if ensemble:
        layers["ensemble"] = _two(1, half, features)
    *children, classifier = network.children()
    layers |= {f"feature_extractor.{index}": child for index, child in enumerate(children)}
    layers["classifier"] = classifier
    return {
        f"{prefix}.{name}": tensor.clone()
        for prefix, layer in layers.items()
        for name, tensor in layer.state_dict().items()
    }


@torch.no_grad()
def published_logits(network: nn.Module, state: Mapping[str, Tensor], image: Tensor) -> Tensor:
    """Logits of degraded images (B, 3, 224, 224) in [0, 1] by the published definition."""
    restored = (image - _run_dncnn(state, "restoration", image)).clamp(0, 1)
    errors = _run_dncnn(state, "fidelity", image)
    variance = sum(np.arange(1, 6) ** 2) / 100 / 72
    mean, deviation = np.sqrt(variance * 2 / np.pi), np.sqrt(variance * (1 - 2 / np.pi))
    q = (1 - (errors - mean) / deviation).mean(1, keepdim=True)
    normalized = (restored - MEAN[:, None, None]) / STD[:, None, None]
    w, b = _level(state, "weight", 0, q), _level(state, "bias", 0, q)
    x = 2 * torch.sigmoid(w) * normalized + b
    level = 0
    *children, classifier = network.children()
    for child in _flat(children):
        if isinstance(child, nn.MaxPool2d | nn.AdaptiveAvgPool2d):
            level += 1
            w, b = (
                F.interpolate(_level(state, kind, level, old) + old, x.shape[2:], mode="bilinear", align_corners=False)
                for kind, old in (("weight", w), ("bias", b))
            )
            x = 2 * torch.sigmoid(w) * x + b
        x = child(x)
    f = x.flatten(1)
    half = f.shape[1] // 2
    v = torch.cat([_thinned(q, half), _thinned(q.transpose(2, 3), half)], 1)
    f = f * 2 * torch.sigmoid(_linear(state, "mul_fc", v))
    f = _linear(state, "cat_fc", torch.cat([f, v], 1))
    if "ensemble.0.weight" in state:
        a = torch.sigmoid(_linear(state, "ensemble", q.mean((1, 2, 3))[:, None]))
        plain = normalized
        for child in children:
            plain = child(plain)
        f = (1 - a) * f + a * plain.flatten(1)
    return classifier(f)


def _flat(children: list[nn.Module]) -> list[nn.Module]:
    """Direct children, and those of Sequentials that hold pools (AlexNet's features)."""
    found: list[nn.Module] = []
    for child in children:
        pools = isinstance(child, nn.Sequential) and any(isinstance(each, nn.MaxPool2d) for each in child)
        found += [*child] if pools else [child]
    return found


def _dncnn(depth: int, norms: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.ReLU()]
    for _ in range(depth - 2):
        layers += [nn.Conv2d(64, 64, 3, padding=1, bias=not norms)]
        if norms:
            norm = nn.BatchNorm2d(64, eps=1e-4)
            norm.running_mean.normal_(std=0.1)
            norm.running_var.uniform_(0.5, 2)
            layers.append(norm)
        layers.append(nn.ReLU())
    layers.append(nn.Conv2d(64, 3, 3, padding=1))
    return nn.Sequential(*layers)


def _run_dncnn(state: Mapping[str, Tensor], name: str, image: Tensor) -> Tensor:
    depth = sum(key.startswith(f"{name}.model.") and tensor.dim() == 4 for key, tensor in state.items())
    network = _dncnn(depth, any(key.startswith(f"{name}.") and key.endswith("running_mean") for key in state))
    network.load_state_dict({key[len(name) + 7 :]: t for key, t in state.items() if key.startswith(f"{name}.model.")})
    return network.eval()(image)


def _level(state: Mapping[str, Tensor], kind: str, level: int, x: Tensor) -> Tensor:
    for layer in (0, 2):
        prefix = f"cnn_layers_{kind}.{level}.{layer}"
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), state[f"{prefix}.weight"], state[f"{prefix}.bias"])
        x = F.relu(x) if layer == 0 else x
    return x


def _thinned(q: Tensor, count: int) -> Tensor:
    """Row by row, resampled linearly with NumPy, half-pixel centres."""
    flat = q.flatten(1).numpy()
    at = (np.arange(count) + 0.5) * flat.shape[1] / count - 0.5
    return torch.from_numpy(np.stack([np.interp(at, np.arange(flat.shape[1]), row) for row in flat]).astype(np.float32))


def _two(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def _linear(state: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    x = F.relu(F.linear(x, state[f"{name}.0.weight"], state[f"{name}.0.bias"]))
    return F.linear(x, state[f"{name}.2.weight"], state[f"{name}.2.bias"])


def resnet(name: str, classes: int) -> nn.Module:
    """torchvision's network with random statistics."""
    torch.manual_seed(1)
    network = models.get_model(name, weights=None, num_classes=classes)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return network.eval()
