"""Putting roles together from services: dispatcher, scheduler, stand-in partner."""

from __future__ import annotations

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from supplychain.bootstrap import Services, crash_point
from supplychain.broker.publisher import Publisher
from supplychain.dispatch.dispatcher import Dispatcher
from supplychain.dispatch.signing_secrets import SecretsFile, load_secrets, write_secrets
from supplychain.dispatch.webhook import CatalogueEndpoints
from supplychain.domain.errors import NotFoundError, SettingsError
from supplychain.domain.network import Catalogue
from supplychain.domain.units import DAY
from supplychain.forecasting.trade_calendar import TradeCalendar, campaigns_from
from supplychain.jobs.schedule import Scheduler
from supplychain.jobs.tasks import prune_body, review_everything, standard_tasks
from supplychain.partner.buyers import ways_of
from supplychain.partner.run import run_partner
from supplychain.planning.expire import expire
from supplychain.planning.learn import refit
from supplychain.planning.lessons import learn
from supplychain.planning.request import business_now
from supplychain.processes.config_files import config_file
from supplychain.settings import Settings


def secrets_path(settings: Settings) -> Path:
    """Return the file of the suppliers' signing secrets."""
    return (
        Path(settings.dispatch.secrets_file) if settings.dispatch.secrets_file else settings.data_dir / "secrets.toml"
    )


def ensure_secrets(services: Services) -> None:
    """Make signing secrets for the suppliers of the active network that have none yet."""
    with services.store.read() as tx:
        _, catalogue = tx.versions.network()
    names = [supplier.secret_ref or name for name, supplier in sorted(catalogue.suppliers.items())]
    write_secrets(secrets_path(services.settings), names)


def calendar(settings: Settings) -> TradeCalendar:
    """Read holidays and campaigns from config/calendar.toml, or from the data directory's own copy.

    Raises
    ------
    SettingsError
        If the file is malformed; it names the row.
    """
    own = settings.data_dir / "calendar.toml"
    path = own if own.exists() else config_file("calendar.toml")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        return TradeCalendar(document.get("country", ""), campaigns_from(document.get("campaign", [])))
    except (ValueError, TypeError, KeyError) as fault:
        raise SettingsError(f"{path}: {fault}", way_out="see config/README.md", file=str(path)) from fault


def dispatcher(services: Services) -> Dispatcher:
    """Return the dispatcher; the stand-in partner stands for every supplier when it is part of this deployment."""
    settings = services.settings
    stand_in = settings.partner.stand_in
    path = secrets_path(settings)
    publisher = Publisher(services.broker.bootstrap, linger_ms=0, delivery_timeout_ms=10_000)
    overrides = {"*": f"{settings.partner_url}/orders"} if stand_in else None
    return Dispatcher(
        services.store,
        lambda: publisher,
        settings.dispatch,
        SecretsFile(path),
        CatalogueEndpoints(services.store, overrides),
        services.wall,
        out_dir=settings.data_dir / "orders",
        file_formats=settings.dispatch.file_formats,
        allowed_hosts={
            *settings.dispatch.allowed_hosts,
            *({urlsplit(settings.partner_url).netloc} if stand_in else ()),
        },
        crash=crash_point,
    )


def scheduler(services: Services) -> Scheduler:
    """Return the scheduler with the jobs of the service."""
    settings, store = services.settings, services.store

    def refitted() -> str:
        pool = services.pool()
        try:
            done = refit(store, pool, calendar(settings), services.wall, fits_at_once=settings.plan.workers)
        except NotFoundError:
            return "no network is active"
        finally:
            pool.close()
        return (
            "no history yet"
            if done is None
            else f"model {done.version} by {done.method}, {len(done.degraded)} of {done.aggregates} aggregates degraded"
        )

    def taught() -> str:
        pool = services.pool()
        try:
            done = learn(store, pool, calendar(settings), services.wall, now())
        except NotFoundError:
            return "no network is active"
        finally:
            pool.close()
        return "too few sessions yet" if done is None else f"lessons {done.version} of {done.sessions} sessions"

    def now() -> int | None:
        return business_now(store)

    tasks = standard_tasks(
        settings.jobs,
        refit=refitted,
        learn=taught,
        review=review_everything(store, now, services.wall),
        expire=lambda: expire(store, services.wall),
        prune=prune_body(services.jobs.prune, settings.jobs.prune_days, now, services.wall),
    )
    if settings.clock == "ticks":  # the night of the wall is not the night of a replay, and must not change its plans
        tasks = tuple(task for task in tasks if task.name not in {"refit-prior", "learn-sessions"})
    return Scheduler(services.jobs, tasks, settings.zone, services.wall, catch_up=settings.clock == "wall")


def _multiples(catalogue: Catalogue) -> dict[str, int]:
    return {name: offer.multiple for name, offer in catalogue.offers.items()}


def partner(services: Services) -> None:
    """Serve the stand-in supplier and WMS until told to stop."""
    settings = services.settings
    with services.store.read() as tx:
        _, catalogue = tx.versions.network()
    run_partner(
        settings.partner.host,
        settings.partner.port,
        settings.web_url,
        services.broker.bootstrap,
        load_secrets(secrets_path(settings)),
        settings.clock == "wall",
        settings.partner.seed,
        multiples=_multiples(catalogue),
        stock=catalogue.stock,
        opening_at=settings.partner.opening_at or (services.wall() if settings.clock == "wall" else None),
        snapshot_every=DAY,
        ways=ways_of(catalogue),
        journal=settings.data_dir / "partner.jsonl",
    )
