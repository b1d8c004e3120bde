"""A service as the user has set it up, and whether a job may go there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pentimento.core.net import is_local, origin
from pentimento.services import records, settings
from pentimento.services.keys import Keys, Source
from pentimento.services.own_workflows import OwnWorkflow, OwnWorkflows
from pentimento.services.problems import problem
from pentimento.services.records import Capabilities, Caps, Operation, Retired, Service, Sizes
from pentimento.services.settings import Chosen, Observed, ServiceSettings
from pentimento.services.spending import Spending
from pentimento.services.usual_sizes import usual_side

UNKNOWN_PRICE = "up to whoever runs that server; Pentimento does not know it"
OWN_SERVER = "What is kept there is up to whoever runs that server; nobody else, if it is yours."


@dataclass(frozen=True, slots=True)
class Terms:
    """The service's record and the user's choices, as one."""

    service: Service
    chosen: Chosen

    @property
    def id(self) -> str:
        return self.service.id

    @property
    def title(self) -> str:
        return self.service.title

    @property
    def base_url(self) -> str:
        return settings.base_url(self.service, self.chosen)

    @property
    def place(self) -> str:
        """The origin: whom key and consent are for."""
        return settings.place(self.service, self.chosen)

    @property
    def consented(self) -> bool:
        return settings.consented(self.service, self.chosen)

    @property
    def extras(self) -> bool:
        return self.chosen.extras and self.service.extras is not None

    @property
    def capabilities(self) -> Capabilities:
        extras = self.service.extras
        able = extras.capabilities if extras and self.extras else self.service.capabilities
        if self.seen and not self.seen.maps:
            return able.model_copy(update={"control": {}, "control_as": {}})
        return able

    @property
    def seen(self) -> Observed | None:
        """What this address told of itself when it was tried."""
        seen = self.chosen.seen
        return seen if seen and seen.place == self.place else None

    def asked_for(self, model: str | None) -> Terms:
        """The same for a job that names its model."""
        if not model:
            return self
        return replace(self, chosen=self.chosen.model_copy(update={"model": model}))

    @property
    def sizes(self) -> Sizes:
        extras = self.service.extras
        sizes = extras.sizes if extras and self.extras else self.service.sizes
        native = self.chosen.native_size or self._usual
        if native is None:
            return sizes
        changed = {"native_size": native, "max_pixels": max(sizes.max_pixels, native**2)}
        return sizes.model_copy(update=changed)

    @property
    def _usual(self) -> int | None:
        if not (self.service.by_name or self.extras):
            return None
        return usual_side(self.model or (self.seen.model if self.seen else ""))

    @property
    def model(self) -> str:
        """Empty where the server decides: elsewhere the record's names may mean nothing."""
        known = self.service.same_names or not self.elsewhere
        return self.chosen.model or (self.service.default_model if known else "")

    def model_for(self, operation: Operation, asked: str | None) -> str:
        """The model that an operation is asked of; empty where the service decides. One that paints
        from words might ignore a source and cost its price, so where the record has models for an
        operation, only those are taken."""
        known = [one.name for one in self.service.models_for(operation)]
        if operation is Operation.TXT2IMG or not known:
            return asked or self.model
        wanted = asked or self.chosen.models.get(operation, "") or self.model
        return wanted if wanted in known else known[0]

    def retired(self, model: str | None) -> Retired | None:
        """What the record says of a model that is shut down by today; at another address the same
        name may be another model."""
        if self.elsewhere:
            return None
        today = date.today()
        named = (one for one in self.service.retired if one.model == (model or self.model))
        return next((one for one in named if one.last_day <= today), None)

    @property
    def elsewhere(self) -> bool:
        """Whether the address is not the one in the record."""
        return self.base_url != self.service.base_url

    @property
    def another_server(self) -> bool:
        """Whether it is a server of somebody else's that speaks the service's API: the record's
        prices and limits are not its."""
        return self.elsewhere and self.service.extras is not None

    @property
    def needs_key(self) -> bool:
        """A server of the user's own may want none."""
        return self.service.needs_key and not (
            self.elsewhere and is_local(origin(self.base_url)[1])
        )

    @property
    def receives(self) -> str:
        """Who gets what is sent, with the address."""
        whoever = "whoever runs the server at the address you entered"
        usual = ":443" if self.place.startswith("https:") else ":80"
        shown = self.place.removesuffix(usual)
        return f"{whoever if self.elsewhere else self.service.receives} ({shown})"

    @property
    def privacy(self) -> str:
        return OWN_SERVER if self.elsewhere else self.service.privacy

    @property
    def caps(self) -> Caps:
        return self.chosen.caps or (Caps() if self.another_server else self.service.caps)

    @property
    def at_once(self) -> int:
        """How many jobs run there beside each other."""
        return self.chosen.at_once or self.service.at_once

    @property
    def price(self) -> float | None:
        """US dollars a picture; None where it is not known."""
        return self.price_of("")

    def price_of(self, model: str) -> float | None:
        """The same of one of the service's models."""
        if self.chosen.price is not None:
            return self.chosen.price
        if self.another_server:
            return None
        record = self.service.record_of(model)
        known = record.price if record else None
        return self._listed if known is None else known

    @property
    def _listed(self) -> float | None:
        price = self.service.price
        return price.by_quality.get(self.chosen.picture_quality or "", price.per_picture)

    @property
    def price_text(self) -> str:
        if self.chosen.price is not None:
            return f"${self.chosen.price:g} a picture, as entered in the settings"
        if self.another_server:
            return UNKNOWN_PRICE
        if self._listed != self.service.price.per_picture:
            return f"about ${self._listed:g} a picture"
        return self.service.price.text


class Remotes:
    """All services with what is kept about them in the data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.settings = ServiceSettings(data_dir)
        self.keys = Keys(data_dir)
        self.spending = Spending(data_dir)
        self.workflows = OwnWorkflows(data_dir)

    def terms(self, service_id: str) -> Terms:
        """Raises NotFound for an unknown service."""
        service = records.service(service_id)
        return Terms(service, self.settings.of(service))

    def key(self, terms: Terms) -> tuple[str | None, Source]:
        """The key to be sent; services that know anonymous use have one always."""
        found, source = self.keys.get(terms.id, terms.place)
        return found or terms.service.anonymous_key or None, source

    def workflow(self, terms: Terms, model: str) -> OwnWorkflow | None:
        """The user's own one that the model's name stands for. Raises BadInput for a bad one."""
        return self.workflows.of(model) if terms.service.own_workflows else None

    def models_of(self, terms: Terms) -> list[str]:
        """That can be chosen without asking the service."""
        own = self.workflows.models() if terms.service.own_workflows else []
        return [*own, *terms.service.models]

    def permit(self, terms: Terms, pictures: int, model: str | None) -> None:
        """Raises consent_needed, key_missing, model_replaced, price_unknown or budget_exceeded for
        a job of so many pictures."""
        if not terms.consented:
            raise problem("consent_needed", terms.id, terms.title)
        if terms.needs_key and not self.key(terms)[0]:
            raise problem("key_missing", terms.id, terms.title)
        if gone := terms.retired(model):
            words = {"model": gone.model, "successor": gone.successor}
            raise problem("model_replaced", terms.id, terms.title, **words)
        self.spending.check(terms.service, terms.caps, terms.price_of(model or ""), pictures)
