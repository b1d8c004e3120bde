"""What is painted and how: words, strength, steps, model, seeds and size."""

from __future__ import annotations

import choices
from choices import N_
from options.option import BOOLEAN, CHOICE, DOUBLE, INT, STRING, TEXT, UINT, Option

PROMPT = Option("prompt", TEXT, N_("_Prompt"), N_("What the picture should show; may be empty"), "")
NEGATIVE_PROMPT = Option(
    "negative-prompt", TEXT, N_("_Negative prompt"), N_("What the picture should not show"), ""
)
STRENGTH_PRESET = Option(
    "strength-preset",
    CHOICE,
    N_("Strength in a word"),
    N_("For scripts: wins over the strength unless custom"),
    choices.CUSTOM,
    choices=choices.STRENGTH_PRESETS,
)
STRENGTH = Option(
    "strength",
    DOUBLE,
    N_("S_trength"),
    N_("How far the result may go from the source: 0 keeps it as it is, 1 ignores it"),
    0.5,
    0.0,
    1.0,
)
FILL_STRENGTH = Option("strength", DOUBLE, STRENGTH.label, STRENGTH.blurb, 1.0, 0.0, 1.0)
STEPS_PRESET = Option(
    "steps-preset",
    CHOICE,
    N_("_Quality"),
    N_("How many steps are taken; more are slower and cleaner"),
    choices.CUSTOM,
    choices=choices.STEPS_PRESETS,
)
STEPS = Option(
    "steps",
    INT,
    N_("St_eps"),
    N_("How many times noise is taken off; 0 for the model's default"),
    0,
    0,
    200,
    advanced=True,
)
GUIDANCE = Option(
    "guidance",
    DOUBLE,
    N_("Gu_idance"),
    N_("How strictly to follow the prompt, 0 for the model's default"),
    0.0,
    0.0,
    50.0,
    advanced=True,
)
SAMPLER = Option(
    "sampler",
    CHOICE,
    N_("Sa_mpler"),
    N_("The method that removes the noise"),
    choices.MODEL_DEFAULT,
    choices=choices.SAMPLERS,
    advanced=True,
)
MODEL = Option(
    "model",
    STRING,
    N_("Mo_del"),
    N_("Which model, by its name on the server; empty for the server's default"),
    "",
    advanced=True,
)
VAE = Option(
    "vae",
    STRING,
    N_("VA_E"),
    N_("Which VAE turns latents into pixels, by its name on the server; empty for the model's own"),
    "",
    advanced=True,
)
STYLE = Option(
    "style",
    STRING,
    N_("Sty_le"),
    N_("A saved look: extra words and settings"),
    "",
)
RANDOM_SEED = Option(
    "random-seed",
    BOOLEAN,
    N_("R_andom seed"),
    N_("A new seed for every run; the layer's name tells which it was"),
    True,
)
SEED = Option(
    "seed",
    UINT,
    N_("Seed _value"),
    N_("The same seed gives the same picture; counts when random seed is off"),
    0,
    0,
    2**32 - 1,
)
COUNT = Option("count", INT, N_("_Variations"), N_("One layer each"), 1, 1, 16)
WIDTH = Option(
    "width",
    INT,
    N_("_Width"),
    N_("In pixels; 0 for the size of the selection or the image"),
    0,
    0,
    65535,
)
HEIGHT = Option(
    "height",
    INT,
    N_("Heigh_t"),
    N_("In pixels; 0 for the size of the selection or the image"),
    0,
    0,
    65535,
)

SEEDS = (RANDOM_SEED, SEED, COUNT)
