"""A service as the user has set it up, and whether a job may go there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pentimento.backends.remote import services, settings
from pentimento.backends.remote.keys import Keys, Source
from pentimento.backends.remote.problems import problem
from pentimento.backends.remote.services import Capabilities, Caps, Service, Sizes
from pentimento.backends.remote.settings import Chosen, Settings
from pentimento.backends.remote.spending import Spending


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
        return extras.capabilities if extras and self.extras else self.service.capabilities

    @property
    def sizes(self) -> Sizes:
        extras = self.service.extras
        sizes = extras.sizes if extras and self.extras else self.service.sizes
        native = self.chosen.native_size
        if native is None:
            return sizes
        changed = {"native_size": native, "max_pixels": max(sizes.max_pixels, native**2)}
        return sizes.model_copy(update=changed)

    @property
    def model(self) -> str:
        """Empty where the server decides: at another address the record's names mean nothing."""
        elsewhere = self.base_url != self.service.base_url
        return self.chosen.model or ("" if elsewhere else self.service.default_model)

    @property
    def caps(self) -> Caps:
        return self.chosen.caps or self.service.caps

    @property
    def price(self) -> float | None:
        """US dollars a picture; None where it is not known."""
        own = self.chosen.price
        return self.service.price.per_picture if own is None else own

    @property
    def price_text(self) -> str:
        if self.chosen.price is None:
            return self.service.price.text
        return f"${self.chosen.price:g} a picture, as entered in the settings"


class Remotes:
    """All services with what is kept about them in the data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.settings = Settings(data_dir)
        self.keys = Keys(data_dir)
        self.spending = Spending(data_dir)

    def terms(self, service_id: str) -> Terms:
        """Raises NotFound for an unknown service."""
        service = services.service(service_id)
        return Terms(service, self.settings.of(service))

    def key(self, terms: Terms) -> tuple[str | None, Source]:
        """The key to be sent; services that know anonymous use have one always."""
        found, source = self.keys.get(terms.id, terms.place)
        return found or terms.service.anonymous_key or None, source

    def permit(self, terms: Terms, pictures: int) -> None:
        """Raises consent_needed, key_missing or budget_exceeded for a job of so many pictures."""
        if not terms.consented:
            raise problem("consent_needed", terms.id, terms.title)
        if terms.service.needs_key and not self.key(terms)[0]:
            raise problem("key_missing", terms.id, terms.title)
        self.spending.check(terms.service, terms.caps, terms.price, pictures)
