"""Trains UNet and text encoder together on cached scenes (v-prediction, zero terminal SNR).

    python -m training.denoiser START RUN CACHE.npz [CACHE.npz ...] --minutes 36

Several caches of one size are joined. RUN/ema is the averaged model so far, a pipeline folder;
run the same command again to go on from the last checkpoint. Two processes (RANK=0 and RANK=1
with WORLD=2) each train alone and average their weights every `--sync` steps.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from diffusers.models.attention_processor import Attention

from training.checkpoint import load_checkpoint, one_thread, save_checkpoint

OBJECT_WEIGHT = 4.0  # of the error where a named object is; grounds and skies learn by themselves
NO_CAPTION = 0.1  # share of pictures trained without words, for classifier-free guidance
SAVE_EVERY = 240.0  # seconds


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


class Trainer:
    def __init__(self, start: Path, run: Path, plan: Plan) -> None:
        self.run, self.plan = run, plan
        self.pipe = StableDiffusionPipeline.from_pretrained(start, torch_dtype=torch.float32)
        self.unet = self.pipe.unet.train().to(plan.device)
        self.text_encoder = self.pipe.text_encoder.train().to(plan.device)
        self.unet.set_attn_processor(Float32Attention())
        self.weights = [*self.unet.parameters(), *self.text_encoder.parameters()]
        self.average = [w.detach().clone() for w in self.weights]
        self.optimizer = torch.optim.AdamW(
            self.weights, plan.peak_lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        signal = self.pipe.scheduler.alphas_cumprod
        self.signal, self.noise = signal.sqrt(), (1 - signal).sqrt()
        self.parts = {
            "unet": self.unet,
            "text_encoder": self.text_encoder,
            "optimizer": self.optimizer,
        }
        state = load_checkpoint(self._checkpoint, self.parts)
        self.step = int(state.get("step", 0))
        self.pictures = int(state.get("pictures", 0))
        self.spent = float(state.get("seconds", 0.0))
        if state:
            self.average = [a.to(plan.device) for a in state["average"]]
        self.random = torch.Generator().manual_seed(100 + plan.rank + self.step)
        torch.manual_seed(plan.rank + self.step)
        self.started = time.time()

    @property
    def _checkpoint(self) -> Path:
        return self.run / f"rank{self.plan.rank}.pt"

    @property
    def seconds(self) -> float:
        return self.spent + time.time() - self.started

    def loss(
        self, latents: torch.Tensor, tokens: torch.Tensor, objects: torch.Tensor
    ) -> torch.Tensor:
        """Mean squared error of v = signal * noise - noise level * latents (Salimans & Ho 2022,
        arXiv 2202.00512), weighted within each picture by `objects`, (n, h, w) bool. Timesteps
        are stratified over the batch: calmer steps."""
        n, device = len(latents), self.plan.device
        spread = (torch.arange(n) + torch.rand(n, generator=self.random)) / n
        t = (spread * 1000).long().clamp(0, 999)
        a, b = (
            self.signal[t].view(-1, 1, 1, 1).to(device),
            self.noise[t].view(-1, 1, 1, 1).to(device),
        )
        noise = torch.randn_like(latents)
        with torch.autocast(device.split(":")[0], torch.bfloat16):
            words = self.text_encoder(tokens)[0]
            v = self.unet(a * latents + b * noise, t.to(device), words).sample
        error = (v.float() - (a * noise - b * latents)).square().mean(1)
        weight = 1 + (OBJECT_WEIGHT - 1) * objects
        return (error * weight / weight.mean((1, 2), keepdim=True)).mean()

    def train(self, latents: torch.Tensor, tokens: torch.Tensor, objects: torch.Tensor) -> None:
        plan = self.plan
        tokenizer = self.pipe.tokenizer
        length = tokenizer.model_max_length
        empty = tokenizer("", padding="max_length", max_length=length).input_ids
        nothing = torch.tensor(empty)
        order, at, losses, saved = torch.empty(0, dtype=torch.long), 0, [], time.time()
        while True:
            lr = plan.learning_rate(self.step, self.seconds / 60)
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            if at + plan.batch > len(order):
                order, at = torch.randperm(len(latents), generator=self.random), 0
            chosen = order[at : at + plan.batch]
            at += plan.batch
            ids = tokens[chosen].long()
            ids[torch.rand(plan.batch, generator=self.random) < NO_CAPTION] = nothing
            x = latents[chosen].float()
            where = objects[chosen].to(plan.device)
            loss = self.loss(x.to(plan.device), ids.to(plan.device), where)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
            self.optimizer.step()
            self.step += 1
            self.pictures += plan.batch * plan.world
            losses.append(float(loss.detach()))
            if self.step % 200 == 0 and plan.rank == 0:
                self._report(float(np.mean(losses[-200:])), lr)
            if self.step % plan.sync == 0:
                self._share_weights()
                over = self.seconds >= plan.minutes * 60
                stop, save = self._agree(over, time.time() - saved > SAVE_EVERY)
                if stop or save:
                    self.save()
                    saved = time.time()
                if stop:
                    return

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
        self.pipe.save_pretrained(fresh)
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            os.replace(final, old)
        os.replace(fresh, final)
        for w, mine in zip(self.weights, current, strict=True):
            w.data.copy_(mine)


def load_caches(paths: list[Path], rank: int, world: int) -> list[torch.Tensor]:
    """This rank's share of the latents, token ids and object maps."""
    caches = [np.load(path) for path in paths]
    parts = ("latents", "tokens", "objects")
    return [
        torch.from_numpy(np.concatenate([c[part] for c in caches])[rank::world].copy())
        for part in parts
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the starter denoiser and text encoder.")
    parser.add_argument("start", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("caches", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=36)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--last-lr-share", type=float, default=0.3)
    parser.add_argument("--sync", type=int, default=20)
    parser.add_argument("--ema", type=float, default=0.96, help="kept at each sync")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--port", type=int, default=29517)
    args = parser.parse_args()
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
    Trainer(args.start, args.run, plan).train(*load_caches(args.caches, rank, world))
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
