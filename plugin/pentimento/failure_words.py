"""Why something failed, as the server says it, for the translators.

The server's sentences hold names and numbers, so each is a pattern here: `{name}` stands for
whatever is there. tests/contract holds them together with the server; a sentence that is not known
is shown as it comes.
"""

from __future__ import annotations

from choices import N_
from sentences import Sentences

FAILURES = (
    N_("There is no job with this id (any more)."),
    N_("The history lists the jobs that are kept (GET /v1/jobs)."),
    N_("This is done at the machine itself, not from another one."),
    N_("Use GIMP or the pentimento command there."),
    N_("From another machine this server makes pictures itself only, and asks no service."),
    N_("Run the job there, or at this machine."),
    N_(
        "The code is not the one that the other machine shows, or something between the two "
        "answers in its place."
    ),
    N_("Type it again as `pentimento pair` shows it there; after five tries it takes a new one."),
    N_("The other machine waits for nobody: its code was used, or ten minutes are over."),
    N_("Run `pentimento pair` there again, and type the new code."),
    N_("The server listens for other machines at {host}, port {port}, already."),
    N_("Close that first: `pentimento pair --close`."),
    N_("{title} needs a key, and none is kept."),
    N_("Enter your key for {title}: Where to run in GIMP, or `pentimento backends key {id}`."),
    N_("{title} does not accept the key, or not for this."),
    N_("Look up the key in your account there and enter it again."),
    N_("Nothing was sent: you have not agreed yet that {title} receives your pictures and words."),
    N_("Agree in GIMP under Where to run, or with `pentimento backends agree {id}`."),
    N_("Nothing was sent: it would go beyond what you allow to be spent with {title}."),
    N_("Raise the limit under Where to run, make fewer pictures, or wait until tomorrow."),
    N_("{title} wants to be paid first: the account there has no credit left."),
    N_("Add credit to your account there, or run the job elsewhere."),
    N_("{title} refuses this picture or these words."),
    N_("Say it in other words, select another area, or run the job on this machine."),
    N_("{title} takes no more jobs from you for the moment."),
    N_("Wait a little and try again."),
    N_("{title} cannot be reached or is not ready."),
    N_("Look at the network connection and the address, or try again later."),
    N_("{title} does not have the model that was asked for, or not for this."),
    N_(
        "Choose another one under Where to run, or with `pentimento backends set {id} --model "
        "NAME`."
    ),
    N_("Nothing was sent: {title} has shut down the model {model}."),
    N_(
        "Choose {successor}: under Where to run, or with `pentimento backends set {id} --model "
        "{successor}`."
    ),
    N_(
        "Nothing was sent: what a picture costs at {title} is not known, and there is a limit for "
        "what may be spent."
    ),
    N_(
        "Enter a price, or take the limits away: Set Up in GIMP, or `pentimento backends set {id} "
        "--price 0.10`."
    ),
    N_("{title} gives this model only to accounts that are verified there."),
    N_("Verify the account at {title}, or choose another model."),
    N_(
        "{title} takes this only from accounts with credit: it is larger, or has more steps, "
        "than anonymous users may ask for."
    ),
    N_("Ask for fewer steps or a smaller picture, or enter the key of an account there."),
    N_("{title} does not take these values."),
    N_("Leave steps, guidance and sampler at their defaults, or choose another model there."),
    N_("{title} does not offer what the job needs."),
    N_(
        "Start that server with its API on (AUTOMATIC1111 and Forge: --api), or run the job "
        "elsewhere."
    ),
    N_("{title} has no ControlNet for {missing} maps."),
    N_("{title} has no ControlNet extension, so no map can steer there."),
    N_(
        "Install the extension in AUTOMATIC1111 or Forge (SD.Next and stable-diffusion.cpp have "
        "none that this program can ask), or leave the control out."
    ),
    N_("Put one into its folder for ControlNets, or leave the control out."),
    N_("Somebody stopped the work at {title}."),
    N_("{title} has the model, but not the {missing} that it needs."),
    N_("Put them into its folders text_encoders and vae, or choose a checkpoint."),
    N_("{title} has no LoRA called “{missing}”."),
    N_("Use a name from its folder loras, without folder and ending."),
    N_("{title} answered without a picture."),
    N_("Say in the words what the picture shows, or choose another model there."),
    N_("{title} is not offered where you are, or not without payment."),
    N_("Set up payment in your account there, or run the job elsewhere."),
    N_("{title} takes no pictures of this size."),
    N_("Ask for a smaller picture, or leave references out."),
    N_("Run the job again."),
    N_("The server of {title} has too little memory for this."),
    N_("Ask for a smaller picture, or load a smaller model there."),
    N_("{title} met an error of its own."),
    N_("Try again in a while. If it stays, choose another model there, or run the job elsewhere."),
    N_("{title} took longer than it allows itself."),
    N_("Try again, or ask for a smaller picture or fewer steps. It may have cost its price."),
    N_("{title} no longer knows the job that it had taken. It may cost its price."),
    N_("Look into your account there before you repeat it."),
    N_("{title} reads English words only."),
    N_("Say it in English, or run the job elsewhere."),
    N_("{title} cannot use the picture that was sent."),
    N_("Select another or a larger area, or run the job elsewhere."),
    N_("Nobody at {title} can do this at the moment."),
    N_("Choose another model there, ask for a smaller picture, or try again later."),
    N_("{title} could not do this."),
    N_("Try again, choose another model there, or run the job elsewhere."),
    N_(
        "The connection to {title} broke off after the job was sent. It may have been made, and"
        " may cost its price."
    ),
    N_("It was not sent again. Look into your account there before you repeat it."),
    N_("{title} points to an address that is not safe to load a picture from."),
    N_("Nothing was loaded from there. If this stays, do not use this service."),
    N_("{title} answered with something that is no usable picture."),
    N_("Try again; the job may have cost its price. If it stays, choose another model there."),
    N_(
        "There is not enough memory for a picture of {size} px ({device}): {what}. Tried in "
        "vain: {tried}."
    ),
    N_("Use a smaller area or a smaller model, or close other programs that use the memory."),
    N_("The model cannot be loaded: {reason}."),
    N_("The model “{model}” cannot be used: {reason}"),
    N_("Install the model again, or choose another one."),
    N_("The disk is full: the result cannot be saved."),
    N_("Free some space on the disk that holds {folder}, then run the job again."),
    N_("The disk with Pentimento's data folder is full."),
    N_("Free some space there, then try again."),
    N_("The model produced no valid picture: {what} gave values that are not numbers."),
    N_("Try another sampler or a lower guidance. If it stays, the model may be damaged."),
    N_("The engine failed while computing ({kind})."),
    N_("Try again. If it stays, please report it with the log file engine.log."),
    N_("The engine could not be started: {reason}."),
    N_("Run `pentimento doctor`; installing the server again often helps."),
    N_("The engine process ended unexpectedly: {how}."),
    N_("the system ran out of memory and killed it"),
    N_("it was killed from outside"),
    N_("it left with exit code {code}"),
    N_("it crashed with {signal}"),
    N_(
        "Run the job again: a new engine starts by itself. If it ends again, use a smaller area"
        " or model."
    ),
    N_("The engine stopped answering and was ended."),
    N_("Run the job again: a new engine starts by itself."),
    N_("The engine was stopped while it computed."),
    N_("The server ended while this job ran."),
    N_("Run it again."),
    N_("The server ran into an error of its own."),
    N_("Try again; if it stays, `pentimento doctor` shows where the log is."),
    N_("{count} jobs are waiting; no more are taken."),
    N_("Try again when one has finished."),
    N_("{size} px are more than one picture may have."),
    N_("At most {megapixels} megapixels and {side} px a side."),
    N_("The prompt names a LoRA “{name}”, and there is none of this name."),
    N_("Leave it out, or choose another model."),
    N_("The prompt names an embedding “{name}”, and there is none of this name."),
    N_("The LoRA {name} cannot be used with this model: {reason}."),
    N_("The IP-Adapter {name} cannot be used with this model."),
    N_("Choose one that was made for models of this kind."),
    N_("There is no model called “{name}”."),
    N_("No usable model is installed."),
    N_("Run install.sh again to restore the starter model, or `pentimento models add FOLDER`."),
    N_("There is no style called “{name}”."),
    N_("The selection lies outside the image."),
    N_("Select an area on the canvas."),
    N_("LoRAs of this machine cannot be used at a service, and the prompt draws one."),
    N_("Leave it out, or run the job on this machine."),
    N_("The server does not have this picture (any more)."),
    N_("The server is ending."),
    N_("Start it again."),
)

_sentences = Sentences(FAILURES)


def told(text: str) -> str:
    """A sentence of the server about a failure in the person's language; what it names stays, but
    for reasons that are sentences of the server as well."""
    return _sentences.told(text)
