"""Every argument of the actions, as data. With procedures.py it drives the PDB arguments
(pentimento.py), the dialogs (dialogs/) and the job sent to the server (wire.py). Nothing here needs
GIMP.

Texts are marked with N_ for the translators and translated where they are shown.

Presets and numbers go together like this: a preset other than "custom" wins over the number beside
it; "custom" (the default, so that a script may give just the number) means the number counts.
"""

from __future__ import annotations

from options.changing import AS_IT_WAS, AXES, CHANGES
from options.editing import (
    BACKGROUND,
    EDITOR,
    FIT_LIGHT,
    HARMONY_WORDS,
    INSTRUCTION,
    ONLY_CHANGES,
    ONLY_SELECTION,
    READ_ALONG,
    WAY,
)
from options.growing import ENLARGED, PAINTED_DETAIL, SCALE, SIDES, UPSCALER, WHOLE_SOURCE
from options.guides import GUIDES, REFERENCES
from options.objects import BOX, OPERATION, OUTPUT, POINTS, WITHOUT
from options.option import (
    BOOLEAN,
    CHANNEL,
    CHOICE,
    DOUBLE,
    FILE,
    INT,
    LAYER,
    STRING,
    TEXT,
    UINT,
    Option,
)
from options.painting import (
    COUNT,
    FILL_STRENGTH,
    GUIDANCE,
    HEIGHT,
    MODEL,
    NEGATIVE_PROMPT,
    PROMPT,
    RANDOM_SEED,
    SAMPLER,
    SEED,
    SEEDS,
    STEPS,
    STEPS_PRESET,
    STRENGTH,
    STRENGTH_PRESET,
    STYLE,
    VAE,
    WIDTH,
)
from options.placing import (
    ALPHA,
    CONTACT_SHEET,
    CONVERT,
    FILL_SOURCE,
    MARK_DIGITAL_SOURCE,
    OBSERVE,
    OBSERVING,
    PLACE,
    SOURCE,
    TARGET,
    TRANSPARENT_FILL,
)
from options.scripting import ACCEPT_LICENCE, BATCH, MODEL_NAME, MODELS_COMMAND, WORKFLOW
from options.selection import (
    AUTO_EDGE,
    BLEND,
    COLOR_MATCH,
    CONTEXT,
    EXACT_EDGE,
    FEATHER,
    FILLED_BY,
    GROW,
    INTENT,
    MASK_CHANNEL,
    MASK_SOURCE,
)
from options.serving import BACKEND, LOCAL, SERVER_COMMAND, TOKEN, URL
from options.steering import (
    CONTROL,
    CONTROL_HIGH,
    CONTROL_IS_MAP,
    CONTROL_LAYER,
    CONTROL_LOW,
    CONTROL_WEIGHT,
    CONTROLS,
    LORAS,
    MAP,
    MAP_HIGH,
    MAP_LOW,
    STEERING,
)
from options.values import (
    ControlValues,
    ReferenceValues,
    alpha_of,
    controls_of,
    defaults_of,
    filled_by_of,
    intent_of,
    loras_of,
    mask_options_of,
    observed,
    references_of,
    sampler_of,
    service_of,
    steps_of,
    strength_of,
)

SAMPLING = (STYLE, STEPS_PRESET, STEPS, GUIDANCE, SAMPLER, MODEL, VAE, BACKEND)
