"""What the server says of services, models and licences, for the translators: consent to a service
must not be asked for in a foreign language. The server's sentences themselves are the keys;
tests/contract holds the two together. One that is not known here is shown as it comes.
"""

from __future__ import annotations

import re

from choices import N_
from i18n import _
from sentences import Sentences

SERVICES = (
    N_("That of the server's model; paints from words alone."),
    N_("That of the server's model; repaints and fills by its own judgement, without a strength."),
    N_("That of the chosen model; paints from words alone."),
    N_(
        "Run against a local stand-in written from its documentation; never against the program "
        "itself."
    ),
    N_("Run against a local stand-in; never against the service itself."),
    N_("What it keeps is up to its terms of use, which are not compared here."),
    N_("by model, see together.ai/pricing; Pentimento does not know it beforehand"),
    N_("about $0.01 to $0.05 a picture by model, see deepinfra.com/pricing"),
    N_("whoever runs the server at the address you entered"),
    N_("Nobody else, if the server is yours."),
    N_("That of the server's model; strength, masks and ControlNet work as on this machine."),
    N_("That of the server's graphics card"),
    N_(
        "Run against Pentimento's own AUTOMATIC1111 face and a local stand-in; never against "
        "AUTOMATIC1111, Forge or SD.Next."
    ),
    N_("free, on a server of your own"),
    N_("whoever runs ComfyUI at the address you entered"),
    N_(
        "Nobody else, if it is yours. Pictures that are sent stay in its input folder, in "
        "“pentimento”."
    ),
    N_("That of the checkpoint there; strength, masks and ControlNet work as on this machine."),
    N_("That of the graphics card there"),
    N_(
        "Run against a stand-in written from ComfyUI 0.3.64's own answers; never against the "
        "program itself."
    ),
    N_(
        "fal is asked to store no inputs and to delete results after an hour; until then a result "
        "can be loaded by whoever knows its address. See fal.ai/privacy."
    ),
    N_(
        "High, with strength, masks and maps of edges, by models of the FLUX.1 kind; edits by "
        "instruction with the newest models."
    ),
    N_("5 to 30 seconds a picture"),
    N_(
        "Black Forest Labs keeps results for ten minutes at an address that nobody is told; see "
        "its terms for the rest."
    ),
    N_(
        "Very high; edges or depth of your picture steer a new one, a selection is filled anew, "
        "and edits follow instructions."
    ),
    N_(
        "Run against a local stand-in written from its OpenAPI document; never against Black "
        "Forest Labs itself."
    ),
    N_("about $0.03 to $0.12 a picture by model, see bfl.ai/pricing"),
    N_("Run against a local stand-in; never against fal itself."),
    N_("about $0.03 to $0.15 a picture by model, see fal.ai/models"),
    N_("a volunteer nobody knows, by way of AI Horde"),
    N_("None: any worker can look at what it gets. Never send what others may not see."),
    N_("That of community models; maps of edges follow only with models of the SD 1.5 kind."),
    N_("Seconds to many minutes, as long as the queue is; a free account shortens it"),
    N_("Run against a local stand-in; never against AI Horde itself."),
    N_("free"),
    N_("HuggingFace and the provider it hands the job to"),
    N_(
        "HuggingFace says that it keeps no pictures and no words; its providers have terms of "
        "their own."
    ),
    N_(
        "High; repaints a picture by its own judgement, without a strength, and fills no selection."
    ),
    N_("5 to 60 seconds a picture; longer while a model is loaded"),
    N_("Run against a local stand-in; never against HuggingFace itself."),
    N_("from your account's credit there, by model; Pentimento does not know it beforehand"),
    N_(
        "Google does not train on what accounts that pay send, and keeps it for a while to look "
        "for abuse; see ai.google.dev/gemini-api/terms."
    ),
    N_(
        "Very high, follows long descriptions and instructions; every picture carries Google's "
        "invisible mark. No strength, no seed, no mask."
    ),
    N_("10 to 60 seconds a picture"),
    N_(
        "Run against a local stand-in and compared with the requests of Google's own client; never "
        "against Google itself."
    ),
    N_("about $0.07 to $0.14 a picture by model, see ai.google.dev/pricing"),
    N_("Google"),
    N_("OpenRouter and the provider it hands the job to"),
    N_(
        "OpenRouter says that it keeps no pictures and no words unless you allow it; its providers "
        "have terms of their own."
    ),
    N_(
        "That of the chosen model; repaints by its own judgement, without a strength, a seed or a "
        "mask."
    ),
    N_("10 seconds to several minutes a picture, by model"),
    N_(
        "Run against a local stand-in and compared with the requests of OpenRouter's own client; "
        "never against OpenRouter itself."
    ),
    N_("by model, see openrouter.ai/models; Pentimento does not know it beforehand"),
    N_("OpenAI"),
    N_(
        "OpenAI keeps what is sent for up to 30 days to look for abuse, and says that it does not "
        "train on it."
    ),
    N_(
        "High, follows long descriptions; repaints a picture by its own judgement, without a "
        "strength."
    ),
    N_("20 seconds to several minutes a picture"),
    N_(
        "Run against Pentimento's own OpenAI face and a local stand-in; never against OpenAI "
        "itself."
    ),
    N_("up to $0.25 a picture, less at a lower quality; what it cost is booked afterwards"),
    N_("Replicate deletes inputs and results of API calls after an hour, as it says."),
    N_(
        "High, with strength, by models of the FLUX.1 kind; a selection is filled anew; edits by "
        "instruction with the newest models."
    ),
    N_("5 to 60 seconds a picture; longer where a model has to start"),
    N_("Run against a local stand-in; never against Replicate itself."),
    N_("about $0.025 to $0.15 a picture by model, see replicate.com/pricing"),
    N_(
        "Stability AI may keep what is sent as its terms of use say; see "
        "stability.ai/privacy-policy."
    ),
    N_("High, with strength; a selection is filled anew, without a strength."),
    N_("5 to 20 seconds a picture"),
    N_("Run against a local stand-in; never against Stability AI itself."),
    N_("up to $0.065 a picture (6.5 credits, list price)"),
    N_("What is kept there is up to whoever runs that server; nobody else, if it is yours."),
    N_("up to whoever runs that server; Pentimento does not know it"),
)
PLACES = (
    N_("Nothing leaves this machine."),
    N_("No model on this machine edits as told; this service does."),
    N_("No place edits as told yet: download a model for it, or set up a service."),
    N_("Pictures and words go to that machine, encrypted, and to nobody else."),
    N_("Best quality, free, and nothing leaves this machine."),
    N_("This machine has a graphics card: with a full model installed it is the best place."),
    N_("No graphics card was found here: a service gives full quality within a minute."),
    N_("It works at once, without an account; a service gives more detail."),
    N_("That of the installed models, with every control, LoRA and stage."),
    N_("Sketches, with the starter model; full with an installed model."),
    N_("Seconds a picture, on the graphics card."),
    N_("Seconds with the starter model, minutes with a full one: there is no graphics card."),
)
MODELS = (
    N_("All-round painting on small cards; the most ControlNets and LoRAs are made for it."),
    N_("Fills selections so that they fit what lies around; for strength near 1."),
    N_("Pictures in 4 to 8 steps instead of 20: sampler LCM, guidance 1 to 2."),
    N_("Smoother colours, better eyes and hands in small faces."),
    N_("Sharp previews while a picture is made, at almost no cost."),
    N_("Keeps the edges of a picture."),
    N_("Paints what you have scribbled."),
    N_("Fills selections so that they fit their surroundings; comes by itself."),
    N_("Colours a clean drawing."),
    N_("Keeps shapes, with more freedom than Canny."),
    N_("Keeps near and far."),
    N_("Keeps the relief of surfaces."),
    N_("Puts figures into a pose."),
    N_("Paints areas by the colours of a map."),
    N_("Adds detail without changing what is seen."),
    N_("Takes style or subject from another picture."),
    N_("Larger and finer pictures than SD 1.5, with many LoRAs of its own."),
    N_("Decodes SDXL with half the memory, without black pictures."),
    N_("SDXL pictures in 4 steps: sampler Euler, guidance 1."),
    N_("SDXL pictures in 4 to 8 steps: sampler LCM, guidance 1 to 2."),
    N_("Edges, scribbles, depth, pose and more for SDXL, all in one."),
    N_("Photographic pictures in 8 steps; reads long prompts, English and Chinese."),
    N_("Pictures of high quality in 4 steps."),
    N_("Pictures in 4 steps, with writing in them."),
    N_("Illustration in many styles, with negative prompts."),
    N_("Writing in pictures, and very close to the prompt; slow."),
    N_("Pictures with much writing, English and Chinese, in 8 steps."),
    N_("Pictures with much writing, English and Chinese, in full quality."),
    N_("Varied styles, photographic and drawn, in 8 steps."),
    N_("What LoRAs for Krea 2 are trained on; more variety than Turbo, and slower."),
    N_("Photographic pictures with Chinese writing, from a model of moderate size."),
    N_("Posters and logos with writing, English and Chinese."),
    N_("A small model for long prompts, in many languages."),
    N_("The larger Klein: more detail, in 4 steps."),
    N_("The largest FLUX.2, for very large cards."),
    N_("Changes a picture by instruction."),
    N_("Draws the maps for depth and normals from a picture."),
    N_("Finds the people whose pose is drawn; needs ViTPose as well."),
    N_("Enlarges photographs 4 times and cleans them."),
    N_("Enlarges pictures 2 times, faithfully and fast."),
    N_("Enlarges pictures 3 times, faithfully and fast."),
    N_("Enlarges pictures 4 times, faithfully and fast."),
    N_("Draws the map for poses from a picture; needs RT-DETR as well."),
    N_("Draws the map for segmentation from a picture."),
    N_("Varied styles at a moderate size."),
    N_("Varied styles in full quality."),
    N_("High quality, with the most LoRAs of its generation."),
    N_("Fills selections and extends pictures."),
)
LICENCES = (
    N_("For research and other purposes that earn no money only."),
    N_(
        "Free for private use, research and businesses below a yearly revenue of one million US "
        "dollars; others need a licence from Stability AI."
    ),
    N_("For purposes that earn no money only; other use needs a licence from Black Forest Labs."),
    N_(
        "Free for private use and for companies below a yearly revenue of one million US dollars; "
        "others need a licence from Krea."
    ),
    N_("Its page names no licence. Ask its makers before you use it for more than a try."),
    N_(
        "Its author allows pictures made with it to be sold. The licence of the model that it was "
        "made from applies as well."
    ),
    N_(
        "Its author allows no use that earns money. The licence of the model that it was made from "
        "applies as well."
    ),
)
STYLES = (  # the names of those that come along
    N_("Blueprint"),
    N_("Film photograph"),
    N_("Flat illustration"),
    N_("Ink drawing"),
    N_("Oil painting"),
    N_("Pencil sketch"),
    N_("Photograph"),
    N_("Watercolor"),
)
TITLES = (N_("Starter model"), N_("AUTOMATIC1111-compatible server"))
PROGRESS = (
    N_("Starting the engine"),
    N_("Preparing"),
    N_("Preparing the picture"),
    N_("Drawing the map"),
    N_("Selecting the object"),
    N_("Waiting for its turn"),
    N_("Enlarging"),
)
NAMED_PROGRESS = (
    N_("Loading the ControlNet {name}"),
    N_("Loading the VAE {name}"),
    N_("Loading {model}: {part}"),
    N_("Waiting for {title}"),
    N_("{title} is painting"),
)
PARTS = (  # what is loaded, as it is called there
    *(N_("starter"), N_("canny"), N_("text encoder"), N_("text encoder 2"), N_("text encoder 3")),
    *(N_("tokenizer"), N_("tokenizer 2"), N_("tokenizer 3")),
)
STATES = {  # of the engine
    "stopped": N_("starts with the first job"),
    "starting": N_("is starting"),
    "idle": N_("is ready"),
    "busy": N_("is at work"),
    "failed": N_("has failed"),
}
ENTERED_PRICE = re.compile(r"\$(?P<price>[0-9.e+-]+) a picture, as entered in the settings")
MODEL_PRICE = re.compile(r"about \$(?P<price>[0-9.e+-]+) a picture")  # of one model
ADDRESS = re.compile(r" \([^ ()]+\)$")  # after who receives what
_named_progress = Sentences((*NAMED_PROGRESS, *PARTS))


def told(text: str) -> str:
    """A sentence of the server in the person's language."""
    entered = ENTERED_PRICE.fullmatch(text)
    if entered:
        return _("${price} a picture, as entered in the settings").format(**entered.groupdict())
    listed = MODEL_PRICE.fullmatch(text)
    if listed:
        return _("about ${price} a picture").format(**listed.groupdict())
    address = ADDRESS.search(text)
    if address and _(text) == text:
        return _(text[: address.start()]) + address.group()
    named = _named_progress.told(text)
    return _(text) if named == text else named


def state(engine: str) -> str:
    """What an engine is doing."""
    return _(STATES[engine]) if engine in STATES else engine
