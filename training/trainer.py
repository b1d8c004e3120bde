"""What all diffusion training here shares: noise, steps, averaged weights, checkpoints.

Two processes (RANK=0 and RANK=1 with WORLD=2) each train alone and average their weights every
`--sync` steps. Running the same command again goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from diffusers.models.attention_processor import Attention
from torch import nn

from training.checkpoint import load_checkpoint, one_thread, save_checkpoint

SAVE_EVERY = 240.0  # seconds
Batch = dict[str, torch.Tensor]


class Float32Attention:
    """Attention proper in float32 inside bfloat16 autocast: on a CPU the backward pass of
    bfloat16 attention took seven times as long."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **_: object,
    ) -> torch.Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        n, length, _width = hidden_states.shape

        def heads(x: torch.Tensor) -> torch.Tensor:
            return x.view(n, x.shape[1], attn.heads, -1).transpose(1, 2)

        q, k, v = (
            heads(attn.to_q(hidden_states)),
            heads(attn.to_k(context)),
            heads(attn.to_v(context)),
        )
        with torch.autocast(hidden_states.device.type, enabled=False):
            mixed = F.scaled_dot_product_attention(q.float(), k.float(), v.float())
        return attn.to_out[0](mixed.transpose(1, 2).reshape(n, length, -1))


@dataclass(frozen=True)
class Plan:
    minutes: float
    batch: int
    peak_lr: float
    last_lr_share: float
    sync: int
    ema: float
    device: str
    rank: int
    world: int

    def learning_rate(self, step: int, minutes: float) -> float:
        """Warm-up over 100 steps, then half a cosine down to `last_lr_share` of the peak."""
        wave = 0.5 * (1 + math.cos(math.pi * min(1.0, minutes / self.minutes)))
        share = self.last_lr_share + (1 - self.last_lr_share) * wave
        return self.peak_lr * min(1, (step + 1) / 100) * share


@dataclass(frozen=True)
class Noised:
    """Latents on their way, and what the denoiser has to say of them."""

    latents: torch.Tensor  # signal * clean + noise level * noise, (n, 4, h, w)
    timesteps: torch.Tensor  # (n,)
    velocity: torch.Tensor  # the target, (n, 4, h, w)


class Trainer(ABC):
    """Trains the parts that need gradients; subclasses say what the loss is and what is saved."""

    no_caption = 0.1  # share of pictures trained without words, for classifier-free guidance

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        trained: Mapping[str, nn.Module],
        run: Path,
        plan: Plan,
    ) -> None:
        self.pipe, self.run, self.plan = pipe, run, plan
        self.weights = [
            w for part in trained.values() for w in part.parameters() if w.requires_grad
        ]
        self.average = [w.detach().clone() for w in self.weights]
        self.optimizer = torch.optim.AdamW(
            self.weights, plan.peak_lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        signal = pipe.scheduler.alphas_cumprod
        self.signal, self.noise = signal.sqrt(), (1 - signal).sqrt()
        self.parts = {**trained, "optimizer": self.optimizer}
        state = load_checkpoint(self._checkpoint, self.parts)
        self.step = int(state.get("step", 0))
        self.pictures = int(state.get("pictures", 0))
        self.spent = float(state.get("seconds", 0.0))
        if state:
            self.average = [a.to(plan.device) for a in state["average"]]
        self.random = torch.Generator().manual_seed(100 + plan.rank + self.step)
        torch.manual_seed(plan.rank + self.step)
        self.started = time.time()

    @abstractmethod
    def loss(self, batch: Batch) -> torch.Tensor:
        """Of a batch with `latents`, `tokens` and whatever else the cache holds."""

    @abstractmethod
    def save_model(self, folder: Path) -> None:
        """The trained parts, whose weights are the averaged ones while this runs."""

    @property
    def _checkpoint(self) -> Path:
        return self.run / f"rank{self.plan.rank}.pt"

    @property
    def seconds(self) -> float:
        return self.spent + time.time() - self.started

    def noised(self, clean: torch.Tensor) -> Noised:
        """v = signal * noise - noise level * latents (Salimans & Ho 2022, arXiv 2202.00512).
        Timesteps are stratified over the batch: calmer steps."""
        n, device = len(clean), clean.device
        spread = (torch.arange(n) + torch.rand(n, generator=self.random)) / n
        t = (spread * 1000).long().clamp(0, 999)
        a = self.signal[t].view(-1, 1, 1, 1).to(device)
        b = self.noise[t].view(-1, 1, 1, 1).to(device)
        noise = torch.randn_like(clean)
        return Noised(a * clean + b * noise, t.to(device), a * noise - b * clean)

    def half_precision(self) -> torch.autocast:
        return torch.autocast(self.plan.device.split(":")[0], torch.bfloat16)

    def train(self, data: Batch) -> None:
        losses, saved = [], time.time()
        for batch in self._batches(data):
            lr = self.plan.learning_rate(self.step, self.seconds / 60)
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            loss = self.loss(batch)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
            self.optimizer.step()
            self.step += 1
            self.pictures += self.plan.batch * self.plan.world
            losses.append(float(loss.detach()))
            if self.step % 200 == 0 and self.plan.rank == 0:
                self._report(float(np.mean(losses[-200:])), lr)
            if self.step % self.plan.sync == 0:
                self._share_weights()
                over = self.seconds >= self.plan.minutes * 60
                stop, save = self._agree(over, time.time() - saved > SAVE_EVERY)
                if stop or save:
                    self.save()
                    saved = time.time()
                if stop:
                    return

    def _batches(self, data: Batch) -> Iterator[Batch]:
        """Endless, every picture once before any comes again; some lose their caption."""
        tokenizer, size = self.pipe.tokenizer, self.plan.batch
        length = tokenizer.model_max_length
        empty = tokenizer("", padding="max_length", max_length=length).input_ids
        nothing = torch.tensor(empty)
        while True:
            order = torch.randperm(len(data["latents"]), generator=self.random)
            for at in range(0, len(order) - size + 1, size):
                batch = {name: values[order[at : at + size]] for name, values in data.items()}
                ids = batch["tokens"].long()
                ids[torch.rand(size, generator=self.random) < self.no_caption] = nothing
                batch |= {"tokens": ids, "latents": batch["latents"].float()}
                yield {name: values.to(self.plan.device) for name, values in batch.items()}

    def _report(self, loss: float, lr: float) -> None:
        print(
            f"step {self.step}, {self.seconds:.0f} s, {self.pictures} pictures, "
            f"loss {loss:.4f}, lr {lr:.1e}",
            flush=True,
        )

    @torch.no_grad()
    def _share_weights(self) -> None:
        if self.plan.world > 1:
            flat = torch.cat([w.data.reshape(-1) for w in self.weights])
            dist.all_reduce(flat)
            flat /= self.plan.world
            at = 0
            for w in self.weights:
                w.data.copy_(flat[at : at + w.numel()].view_as(w))
                at += w.numel()
        keep = min(self.plan.ema, self.step / (self.step + 200.0))
        torch._foreach_lerp_(self.average, [w.data for w in self.weights], 1 - keep)

    def _agree(self, stop: bool, save: bool) -> tuple[bool, bool]:
        """Rank 0 decides when to save; anyone's time being up stops all."""
        votes = torch.tensor([float(stop), float(save and self.plan.rank == 0)])
        if self.plan.world > 1:
            dist.all_reduce(votes)
        return bool(votes[0] > 0), bool(votes[1] > 0)

    def save(self) -> None:
        state = {
            "step": self.step,
            "pictures": self.pictures,
            "seconds": self.seconds,
            "average": self.average,
        }
        save_checkpoint(self._checkpoint, self.parts, state)
        if self.plan.rank == 0:
            self._save_average()

    @torch.no_grad()
    def _save_average(self) -> None:
        current = [w.detach().clone() for w in self.weights]
        for w, mean in zip(self.weights, self.average, strict=True):
            w.data.copy_(mean)
        fresh, final, old = (self.run / name for name in ("ema.new", "ema", "ema.old"))
        self.save_model(fresh)
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            os.replace(final, old)
        os.replace(fresh, final)
        for w, mine in zip(self.weights, current, strict=True):
            w.data.copy_(mine)


def load_caches(paths: list[Path], rank: int, world: int) -> Batch:
    """This rank's share of all that the caches hold, joined."""
    caches = [np.load(path) for path in paths]
    return {
        part: torch.from_numpy(np.concatenate([c[part] for c in caches])[rank::world].copy())
        for part in caches[0].files
    }


def arguments(description: str, minutes: float, batch: int, lr: float) -> argparse.ArgumentParser:
    """The options all trainers have, with this one's defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("start", type=Path, help="the model's folder")
    parser.add_argument("run", type=Path, help="checkpoints go here; RUN/ema is the result")
    parser.add_argument("caches", type=Path, nargs="+", help="of one picture size, joined")
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--lr", type=float, default=lr)
    parser.add_argument("--last-lr-share", type=float, default=0.3)
    parser.add_argument("--sync", type=int, default=20)
    parser.add_argument("--ema", type=float, default=0.96, help="kept at each sync")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--port", type=int, default=29517)
    return parser


def run(trainer: type[Trainer], args: argparse.Namespace) -> None:
    """Sets the process up, alone or as one of WORLD, and trains until the time is over."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD", 1))
    one_thread()
    if world > 1:
        address = f"tcp://127.0.0.1:{args.port}"
        dist.init_process_group("gloo", init_method=address, rank=rank, world_size=world)
    plan = Plan(
        minutes=args.minutes,
        batch=args.batch,
        peak_lr=args.lr,
        last_lr_share=args.last_lr_share,
        sync=args.sync,
        ema=args.ema,
        device=args.device,
        rank=rank,
        world=world,
    )
    trainer(args.start, args.run, plan).train(load_caches(args.caches, rank, world))
    if world > 1:
        dist.destroy_process_group()
