"""Trains the upscaler that comes along: a picture (h, w) -> the same at 2 or 4 times the size.

    python -m training.upscaler OUT --photographs FOLDER --scale 2 --minutes 30
    python -m training.upscaler OUT4 --photographs FOLDER --scale 4 --start OUT/checkpoint.pt

Run it again with the same OUT to go on from the last checkpoint. It learns from crops of scenes,
which `training/scenes/` computes, and of the photographs in `LEARNED`, all of them in the public
domain or under CC0; `FOLDER` is `skimage/data` of scikit-image's wheel. Those in `HELD_OUT` are
only measured on.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pentimento.engine.upscale.compact import Compact
from training.checkpoint import load_checkpoint, one_thread, save_checkpoint
from training.scenes import make_scene

LEARNED = {  # what `skimage.data` says of them
    "astronaut.png": "NASA, public domain",
    "camera.png": "Lav Varshney, CC0",
    "brick.png": "CC0Textures, CC0",
    "grass.png": "DeviantArt user linolafett, CC0",
    "gravel.png": "CC0Textures, CC0",
    "hubble_deep_field.jpg": "NASA, public domain",
    "retina.jpg": "Mikael Häggström, CC0",
}
HELD_OUT = {
    "chelsea.png": "Stefan van der Walt, CC0",
    "coffee.png": "Rachel Michetti, CC0",
    "rocket.jpg": "SpaceX, public domain",
}
FEATURES, LAYERS = 32, 10
CROP = 40  # px of the small picture
POOL, POOL_SIDE = 160, 320
KERNELS = {  # how a large picture was made small, and how often it is shown so
    Image.Resampling.BICUBIC: 0.5,
    Image.Resampling.BOX: 0.25,
    Image.Resampling.LANCZOS: 0.15,
    Image.Resampling.HAMMING: 0.1,
}
PHOTOGRAPHS_SHARE = 0.6
SPOILED = 0.12  # of the crops: a little noise, or saved as JPEG
SAVE_EVERY = 60.0  # seconds
AVERAGE = 0.998  # how slowly the averaged weights follow


def new_model(scale: int) -> Compact:
    """Begins as bilinear enlargement: the first three channels carry the picture through, and the
    last layer has the kernels of what repeating pixels lacks. All else starts near nothing."""
    model = Compact(scale, FEATURES, LAYERS)
    convs = [layer for layer in model.body if isinstance(layer, torch.nn.Conv2d)]
    with torch.no_grad():
        for layer in model.body:
            if isinstance(layer, torch.nn.PReLU):
                layer.weight[:3] = 1
        for conv in convs[:-1]:
            conv.weight[:3] = 0
            conv.bias[:3] = 0
            for channel in range(3):
                conv.weight[channel, channel, 1, 1] = 1
        set_last(convs[-1], scale)
    return model


@torch.no_grad()
def set_last(conv: torch.nn.Conv2d, scale: int) -> None:
    """Bilinear minus nearest as 3 x 3 kernels over the channels that carry the picture."""
    conv.weight *= 0.01
    conv.bias[:] = 0
    for row in range(scale):
        for column in range(scale):
            kernel = torch.outer(_hat(row, scale), _hat(column, scale))
            kernel[1, 1] -= 1
            for channel in range(3):
                out = channel * scale * scale + row * scale + column
                conv.weight[out, channel] = kernel


def _hat(place: int, scale: int) -> Tensor:
    """Shares of the pixel before, at and after for one of the `scale` places within a pixel."""
    offset = (place + 0.5) / scale - 0.5
    return torch.tensor([max(-offset, 0), 1 - abs(offset), max(offset, 0)])


def photographs(folder: Path, names: dict[str, str]) -> dict[str, np.ndarray]:
    """`(h, w, 3)` uint8 by file name."""
    return {name: np.asarray(Image.open(folder / name).convert("RGB")) for name in names}


class Pairs:
    """Crops at both sizes, of photographs and of a pool of scenes that is renewed one by one."""

    def __init__(self, folder: Path, scale: int, rng: np.random.Generator) -> None:
        self.rng, self.scale = rng, scale
        self.photographs = list(photographs(folder, LEARNED).values())
        self.scenes = [self._scene() for _ in range(POOL)]

    def _scene(self) -> np.ndarray:
        return make_scene(self.rng, POOL_SIDE, POOL_SIDE)[0]

    def renew_one(self) -> None:
        self.scenes[int(self.rng.integers(POOL))] = self._scene()

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Small `(n, 3, s, s)` and large, 0..1."""
        pairs = [self._pair() for _ in range(size)]
        return tuple(to_tensor(np.stack(side)) for side in zip(*pairs, strict=True))  # type: ignore[return-value]

    def _pair(self) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        photo = rng.random() < PHOTOGRAPHS_SHARE
        pool = self.photographs if photo else self.scenes
        picture = pool[int(rng.integers(len(pool)))]
        side, margin = CROP * self.scale, 4 * self.scale
        wide = side + 2 * margin
        zoom = rng.uniform(1.0, 2.2) if photo and rng.random() < 0.6 else 1.0
        cut = min(int(wide * zoom), *picture.shape[:2])
        x, y = (int(rng.integers(0, n - cut + 1)) for n in (picture.shape[1], picture.shape[0]))
        large = picture[y : y + cut, x : x + cut]
        if cut != wide:
            large = np.asarray(
                Image.fromarray(large).resize((wide, wide), Image.Resampling.BICUBIC)
            )
        large = self._turned(large)
        small = shrunk(large, self.scale, self._kernel())
        if rng.random() < SPOILED:
            small = self._spoiled(small)
        edge = margin // self.scale
        return (
            small[edge : edge + CROP, edge : edge + CROP],
            large[margin : margin + side, margin : margin + side],
        )

    def _kernel(self) -> Image.Resampling:
        return self.rng.choice(list(KERNELS), p=list(KERNELS.values()))

    def _turned(self, picture: np.ndarray) -> np.ndarray:
        picture = np.rot90(picture, int(self.rng.integers(4)))
        picture = picture[:, ::-1] if self.rng.random() < 0.5 else picture
        colours = self.rng.permutation(3) if self.rng.random() < 0.3 else [0, 1, 2]
        return np.ascontiguousarray(picture[..., colours])

    def _spoiled(self, small: np.ndarray) -> np.ndarray:
        if self.rng.random() < 0.5:
            noise = self.rng.normal(0, self.rng.uniform(0.5, 2.5), small.shape)
            return np.clip(small + noise + 0.5, 0, 255).astype(np.uint8)
        quality = int(self.rng.integers(82, 98))
        return cv2.imdecode(
            cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR
        )


def shrunk(picture: np.ndarray, scale: int, kernel: Image.Resampling) -> np.ndarray:
    """`(h, w, 3)` uint8 at the size divided by `scale`, which its sides are multiples of."""
    size = (picture.shape[1] // scale, picture.shape[0] // scale)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling(int(kernel))))


def to_tensor(pictures: np.ndarray) -> Tensor:
    """`(n, h, w, 3)` uint8 -> `(n, 3, h, w)` float 0..1."""
    found = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
    return found.contiguous(memory_format=torch.channels_last)


def psnr(one: np.ndarray, other: np.ndarray, edge: int) -> float:
    """dB between two `(h, w, 3)` uint8, without `edge` px at each border."""
    inside = slice(edge, -edge)
    difference = one[inside, inside].astype(np.float64) - other[inside, inside]
    return float(10 * math.log10(255**2 / max((difference**2).mean(), 1e-9)))


@torch.no_grad()
def enlarged(model: torch.nn.Module, small: np.ndarray) -> np.ndarray:
    made = model(to_tensor(small[None]))[0].permute(1, 2, 0)
    return (made.clamp(0, 1) * 255 + 0.5).byte().numpy()


def gains(
    model: torch.nn.Module, folder: Path, scale: int, kernel: Image.Resampling
) -> dict[str, tuple[float, float]]:
    """By held-out photograph: dB of Lanczos and of the model, against the photograph itself."""
    found = {}
    for name, picture in photographs(folder, HELD_OUT).items():
        height, width = (side - side % scale for side in picture.shape[:2])
        picture = picture[:height, :width]
        small = shrunk(picture, scale, kernel)
        plain = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.LANCZOS))
        edge = 2 * scale
        found[name] = (
            psnr(plain, picture, edge),
            psnr(enlarged(model, small), picture, edge),
        )
    return found


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    model = new_model(args.scale).to(memory_format=torch.channels_last)
    if args.start:
        begin_with(model, args.start, args.scale)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), args.lr, betas=(0.9, 0.99), weight_decay=1e-4)
    checkpoint = args.out / "checkpoint.pt"
    parts = {"model": model, "average": average, "optimizer": optimizer}
    done = load_checkpoint(checkpoint, parts)
    step, spent = int(done.get("step", 0)), float(done.get("seconds", 0.0))
    pairs = Pairs(args.photographs, args.scale, np.random.default_rng(args.seed + 5 + step))
    start = saved = time.time()
    while (seconds := spent + time.time() - start) < args.minutes * 60:
        progress = seconds / 60 / args.minutes
        lr = (
            args.lr * min(1, (step + 1) / 100) * (0.01 + 0.495 * (1 + math.cos(math.pi * progress)))
        )
        for group in optimizer.param_groups:
            group["lr"] = lr
        if step % 4 == 0:
            pairs.renew_one()
        small, large = pairs.batch(args.batch)
        difference = model(small) - large
        loss = (difference * difference + 1e-6).sqrt().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        follow(average, model, min(AVERAGE, (step + 1) / (step + 10)))
        step += 1
        if time.time() - saved > SAVE_EVERY:
            saved = time.time()
            save_checkpoint(checkpoint, parts, {"step": step, "seconds": spent + saved - start})
            tell(average, args, step, seconds)
    save_checkpoint(checkpoint, parts, {"step": step, "seconds": spent + time.time() - start})
    tell(average, args, step, seconds)


def begin_with(model: Compact, checkpoint: Path, scale: int) -> None:
    """What another scale has learned, but the last layer, which makes the new pixels."""
    found = torch.load(checkpoint, map_location="cpu", weights_only=True)["parts"]["average"]
    last = f"body.{len(model.body) - 1}."
    kept = {name: value for name, value in found.items() if not name.startswith(last)}
    model.load_state_dict(kept, strict=False)


@torch.no_grad()
def follow(average: torch.nn.Module, model: torch.nn.Module, slowly: float) -> None:
    for old, new in zip(average.parameters(), model.parameters(), strict=True):
        old.lerp_(new, 1 - slowly)


def tell(model: torch.nn.Module, args: argparse.Namespace, step: int, seconds: float) -> None:
    found = gains(model, args.photographs, args.scale, Image.Resampling.BICUBIC)
    told = ", ".join(
        f"{name} {plain:.2f} {made - plain:+.2f}" for name, (plain, made) in found.items()
    )
    mean = sum(made - plain for plain, made in found.values()) / len(found)
    print(f"step {step}, {seconds:.0f} s, gain {mean:+.2f} dB ({told})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the upscaler that comes along.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--scale", type=int, choices=(2, 4), default=2)
    parser.add_argument("--start", type=Path, help="checkpoint of another scale to begin with")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    one_thread()
    train(parser.parse_args())
