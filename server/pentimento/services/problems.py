"""Everything that can go wrong with a service, in words a painter understands.

Texts are made of our own words, the service's title and numbers, never of what it answered: an
answer can hold the prompt or the key.
"""

from __future__ import annotations

from typing import Any

from pentimento.core.errors import JobFailed

PROBLEMS = {  # code -> sentence, remedy, HTTP status outside of jobs
    "key_missing": (
        "{title} needs a key, and none is kept.",
        "Enter your key for {title}: Where to run in GIMP, or `pentimento backends key {id}`.",
        409,
    ),
    "key_refused": (
        "{title} does not accept the key, or not for this.",
        "Look up the key in your account there and enter it again.",
        502,
    ),
    "consent_needed": (
        "Nothing was sent: you have not agreed yet that {title} receives your pictures and words.",
        "Agree in GIMP under Where to run, or with `pentimento backends agree {id}`.",
        409,
    ),
    "budget_exceeded": (
        "Nothing was sent: it would go beyond what you allow to be spent with {title}.",
        "Raise the limit under Where to run, make fewer pictures, or wait until tomorrow.",
        409,
    ),
    "payment_required": (
        "{title} wants to be paid first: the account there has no credit left.",
        "Add credit to your account there, or run the job elsewhere.",
        502,
    ),
    "moderated": (
        "{title} refuses this picture or these words.",
        "Say it in other words, select another area, or run the job on this machine.",
        502,
    ),
    "rate_limited": (
        "{title} takes no more jobs from you for the moment.",
        "Wait a little and try again.",
        502,
    ),
    "service_unavailable": (
        "{title} cannot be reached or is not ready.",
        "Look at the network connection and the address, or try again later.",
        502,
    ),
    "model_gone": (
        "{title} does not have the model that was asked for, or not for this.",
        "Choose another one under Where to run, or with `pentimento backends set {id} --model "
        "NAME`.",
        502,
    ),
    "model_replaced": (
        "Nothing was sent: {title} has shut down the model {model}.",
        "Choose {successor}: under Where to run, or with `pentimento backends set {id} --model "
        "{successor}`.",
        409,
    ),
    "price_unknown": (
        "Nothing was sent: what a picture costs at {title} is not known, and there is a limit for "
        "what may be spent.",
        "Enter a price, or take the limits away: Set Up in GIMP, or `pentimento backends set {id} "
        "--price 0.10`.",
        409,
    ),
    "not_verified": (
        "{title} gives this model only to accounts that are verified there.",
        "Verify the account at {title}, or choose another model.",
        502,
    ),
    "upfront_only": (
        "{title} takes this only from accounts with credit: it is larger, or has more steps, than "
        "anonymous users may ask for.",
        "Ask for fewer steps or a smaller picture, or enter the key of an account there.",
        502,
    ),
    "bad_values": (
        "{title} does not take these values.",
        "Leave steps, guidance and sampler at their defaults, or choose another model there.",
        502,
    ),
    "no_picture": (
        "{title} answered without a picture.",
        "Say in the words what the picture shows, or choose another model there.",
        502,
    ),
    "not_there": (
        "{title} is not offered where you are, or not without payment.",
        "Set up payment in your account there, or run the job elsewhere.",
        502,
    ),
    "too_large_there": (
        "{title} takes no pictures of this size.",
        "Ask for a smaller picture, or leave references out.",
        502,
    ),
    "no_such_call": (
        "{title} does not offer what the job needs.",
        "Start that server with its API on (AUTOMATIC1111 and Forge: --api), or run the job "
        "elsewhere.",
        502,
    ),
    "control_missing": (
        "{title} has no ControlNet for {missing} maps.",
        "Put one into its folder for ControlNets, or leave the control out.",
        502,
    ),
    "no_maps_there": (
        "{title} has no ControlNet extension, so no map can steer there.",
        "Install the extension in AUTOMATIC1111 or Forge (SD.Next and stable-diffusion.cpp have "
        "none that this program can ask), or leave the control out.",
        502,
    ),
    "parts_missing": (
        "{title} has the model, but not the {missing} that it needs.",
        "Put them into its folders text_encoders and vae, or choose a checkpoint.",
        502,
    ),
    "lora_missing": (
        "{title} has no LoRA called “{missing}”.",
        "Use a name from its folder loras, without folder and ending.",
        502,
    ),
    "interrupted_there": (
        "Somebody stopped the work at {title}.",
        "Run the job again.",
        502,
    ),
    "out_of_memory_there": (
        "The server of {title} has too little memory for this.",
        "Ask for a smaller picture, or load a smaller model there.",
        502,
    ),
    "failed_there": (
        "{title} met an error of its own.",
        "Try again in a while. If it stays, choose another model there, or run the job elsewhere.",
        502,
    ),
    "timed_out_there": (
        "{title} took longer than it allows itself.",
        "Try again, or ask for a smaller picture or fewer steps. It may have cost its price.",
        502,
    ),
    "order_lost": (
        "{title} no longer knows the job that it had taken. It may cost its price.",
        "Look into your account there before you repeat it.",
        502,
    ),
    "english_only": (
        "{title} reads English words only.",
        "Say it in English, or run the job elsewhere.",
        502,
    ),
    "picture_refused": (
        "{title} cannot use the picture that was sent.",
        "Select another or a larger area, or run the job elsewhere.",
        502,
    ),
    "nobody_free": (
        "Nobody at {title} can do this at the moment.",
        "Choose another model there, ask for a smaller picture, or try again later.",
        502,
    ),
    "service_error": (
        "{title} could not do this.",
        "Try again, choose another model there, or run the job elsewhere.",
        502,
    ),
    "outcome_unknown": (
        "The connection to {title} broke off after the job was sent. It may have been made, and "
        "may cost its price.",
        "It was not sent again. Look into your account there before you repeat it.",
        502,
    ),
    "unsafe_url": (
        "{title} points to an address that is not safe to load a picture from.",
        "Nothing was loaded from there. If this stays, do not use this service.",
        502,
    ),
    "bad_answer": (
        "{title} answered with something that is no usable picture.",
        "Try again; the job may have cost its price. If it stays, choose another model there.",
        502,
    ),
}


class RemoteProblem(JobFailed):
    """A failure of a service; `details` has `service` and what is known in numbers."""


def problem(code: str, service_id: str, title: str, **details: Any) -> RemoteProblem:
    """The failure `code`. `details`: numbers and words of our own only."""
    sentence, remedy, status = PROBLEMS[code]
    told = {name: value for name, value in details.items() if value is not None}
    words = told | {"title": title, "id": service_id}
    return RemoteProblem(
        code,
        sentence.format(**words),
        remedy.format(**words),
        status=status,
        details={"service": service_id} | told,
    )
