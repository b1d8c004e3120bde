"""What was spent with services today, and whether another picture is allowed.

A price is written down before a picture is ordered and taken back only when the service has
certainly not taken the order: a crash in between counts as spent. Where the service tells what the
picture cost, that takes the place of the list price.
"""

from __future__ import annotations

import json
import threading
from datetime import date
from pathlib import Path

from pentimento.core.files import write_private
from pentimento.services.problems import problem
from pentimento.services.records import Caps, Service
from pentimento.services.settings import damaged

KEPT_DAYS = 31


class Spending:
    """US dollars by day and service, in `<data-dir>/spending.json`. Days are local ones."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "spending.json"
        self._lock = threading.Lock()

    def today(self, service_id: str) -> float:
        return round(self._read().get(_today(), {}).get(service_id, 0.0), 6)

    def check(self, service: Service, caps: Caps, price: float | None, pictures: int) -> None:
        """Raises budget_exceeded when so many pictures are more than the limits allow. A price that
        is not known is allowed where there are no limits only."""
        if price is None:
            if caps.per_job is None and caps.per_day is None:
                return
            raise problem("price_unknown", service.id, service.title)
        cost = price * pictures
        if caps.per_job is not None and cost > caps.per_job + 1e-9:
            raise _exceeded(service, "per job", caps.per_job, cost)
        spent = self.today(service.id)
        if caps.per_day is not None and spent + cost > caps.per_day + 1e-9:
            raise _exceeded(service, "per day", caps.per_day, spent + cost)

    def reserve(self, service: Service, caps: Caps, price: float | None) -> Bill:
        """Writes the price of one picture down; raises budget_exceeded as `check` does."""
        with self._lock:
            self.check(service, caps, price, 1)
            day = _today()
            self._add(day, service.id, price or 0.0)
        return Bill(self, day, service.id, price or 0.0)

    def _change(self, day: str, service_id: str, amount: float) -> None:
        with self._lock:
            self._add(day, service_id, amount)

    def _add(self, day: str, service_id: str, amount: float) -> None:
        if not amount:
            return
        kept = self._read()
        of_day = kept.setdefault(day, {})
        of_day[service_id] = round(max(0.0, of_day.get(service_id, 0.0) + amount), 6)
        newest = dict(sorted(kept.items())[-KEPT_DAYS:])
        write_private(self._file, json.dumps(newest, indent=2).encode())

    def _read(self) -> dict[str, dict[str, float]]:
        try:
            kept = json.loads(self._file.read_text("utf-8-sig"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise damaged(self._file) from None
        return kept if isinstance(kept, dict) else {}


class Bill:
    """One reserved price."""

    def __init__(self, spending: Spending, day: str, service_id: str, amount: float) -> None:
        self._spending = spending
        self._place = (day, service_id)
        self.amount = amount

    def settle(self, cost: float) -> None:
        """What it really cost, as the service has told: more or less than was reserved."""
        self._spending._change(*self._place, cost - self.amount)
        self.amount = cost

    def take_back(self) -> None:
        """The service has not taken the order."""
        self._spending._change(*self._place, -self.amount)
        self.amount = 0.0


def _today() -> str:
    return date.today().isoformat()


def _exceeded(service: Service, limit: str, allowed: float, would_be: float) -> Exception:
    return problem(
        "budget_exceeded",
        service.id,
        service.title,
        limit=limit,
        allowed=allowed,
        would_be=round(would_be, 4),
    )
