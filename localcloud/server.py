"""The whole of localcloud in one process: starts every part in order, stops it in reverse."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from localcloud import authority as authorities
from localcloud import descriptors, logs, version
from localcloud import ports as port_numbers
from localcloud import settings as settings_rules
from localcloud.access.audit import Audit
from localcloud.access.guard import Guard
from localcloud.access.uses import Uses
from localcloud.arm import api as arm
from localcloud.arm.accounts import TYPE as ACCOUNT_TYPE
from localcloud.arm.accounts import Accounts
from localcloud.arm.authorization import Authorization
from localcloud.arm.dns import name_servers
from localcloud.arm.dns.record_sets import RecordSets
from localcloud.arm.dns.zones import TYPE as ZONE_TYPE
from localcloud.arm.dns.zones import Zones
from localcloud.arm.groups import Groups
from localcloud.arm.providers import Providers
from localcloud.arm.resources import Resource
from localcloud.arm.storage.accounts import TYPE as STORAGE_TYPE
from localcloud.arm.storage.accounts import StorageAccounts
from localcloud.arm.storage.blobs import Blobs, warm_up
from localcloud.arm.storage.containers import Containers
from localcloud.arm.storage.keys import StorageKeys
from localcloud.arm.subscriptions import Subscriptions
from localcloud.blob.azurite import Azurite
from localcloud.certificate import source as sources
from localcloud.certificate import trusted
from localcloud.certificate.pair import Pair
from localcloud.datafolder import encryption, folder, lock, operator_key, usable
from localcloud.datafolder.aside import Aside
from localcloud.datafolder.store import Store
from localcloud.dns.blob_zones import BlobZones
from localcloud.dns.challenges import Challenges
from localcloud.dns.server import DnsServer
from localcloud.edge import edge as edges
from localcloud.edge.edge import Edge
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.health import Health
from localcloud.http import listener
from localcloud.http.frame import Frame
from localcloud.http.lanes import Route
from localcloud.http.listener import Serving, served
from localcloud.identity import credentials, federation, secret_file
from localcloud.identity import tenant as tenants
from localcloud.identity.api import IdentityApi
from localcloud.identity.client_secrets import ClientSecrets
from localcloud.identity.credentials import Credentials
from localcloud.identity.federation import Federation
from localcloud.identity.tenant import Tenant
from localcloud.identity.tokens import Tokens
from localcloud.metrics import serving as metrics
from localcloud.metrics.requests import RequestCounts
from localcloud.metrics.sources import Sources
from localcloud.modelmanagement import endings
from localcloud.modelmanagement.management import ModelManagement
from localcloud.modelmanagement.own_accounts import OwnAccounts
from localcloud.modelmanagement.package_hosts import PackageHosts
from localcloud.network.listeners import blob_suffixes, near, server_name, statuses
from localcloud.openapi.api import OpenApi
from localcloud.placing.parts import placed
from localcloud.placing.placement import Placement
from localcloud.portal import pages as portals
from localcloud.portal.pages import Portal
from localcloud.ports import Ports
from localcloud.renewal import Renewal
from localcloud.scoring import execution_providers
from localcloud.scoring.addresses import AddressPool
from localcloud.scoring.device import Device
from localcloud.scoring.host import ScoringHost
from localcloud.settings import (
    BLOBS,
    CLIENT_SECRET,
    CRASH_REPORT,
    DATABASE,
    LOG,
    PID,
    Settings,
)
from localcloud.status import Status

LEAST_DRAIN_S = 2.0
"""What calls of one kind have to end in, however long those of another took."""
LIVENESS_TIMEOUT_S = 10.0

log = logging.getLogger("localcloud.server")


class Cloud:
    """A localcloud in this process.

    Every part is ready when `start` returns. A start that fails leaves nothing running.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._version = version.here()  # of the code that is loaded, whatever is checked out later
        self._running = contextlib.ExitStack()
        self._ports: Ports | None = None
        self._tenant: Tenant | None = None
        self._models: ModelManagement | None = None
        self._https: Serving | None = None
        self._edge: Edge | None = None
        self._placement: Placement | None = None
        self._ends_at = 0.0
        self._renewal: Renewal | None = None

    def __enter__(self) -> Cloud:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts every part, in the order in which they need each other.

        Raises:
            StartError: it cannot; the message names the setting and the remedy.
        """
        data = self.settings.data
        with usable.told(data), contextlib.ExitStack() as starting:
            settings_rules.check(self.settings)
            providers = self.settings.execution_providers
            execution_providers.require(providers, self.settings.written("execution_providers"))
            usable.require(data)
            self._start(starting)
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Stops every part, the last started first, behind the calls under way. May be called twice.

        Each kind of call has what the kinds before it have left of `drain_timeout`.
        """
        self._ends_at = time.monotonic() + self.settings.drain_timeout
        if self._models is not None:
            self._models.begin_nothing()
        self._running.close()

    def is_alive(self) -> bool:
        """Whether its listener turns, and its database can be read: for who would start it anew."""
        if self._https is None or not self._https.answers(LIVENESS_TIMEOUT_S):
            return False
        try:
            with self._store.read() as db:
                db.execute("SELECT 1 FROM folder")
        except sqlite3.Error:
            log.exception("the database cannot be read")
            return False
        return True

    def hold_until_exit(self) -> None:
        """Keeps the data folder past `stop`, until this process is gone: who waits for one waits for both."""
        os.dup(self._lock)

    def follow(self) -> None:
        """Takes what a command has made anew in the data folder: sign-in and CA. Trouble is logged."""
        try:
            self._take_credentials(is_expected=True)
        except (StartError, OSError, sqlite3.Error) as error:
            log.warning("the sign-in of before stays in force: %s", error)
        if self._renewal:
            self._renewal.check()

    def status(self) -> Status:
        """The status of this localcloud, as long as it runs."""
        if self._ports is None or self._tenant is None:
            raise RuntimeError("status() is for a localcloud that was started")
        settings, ports = self.settings, self._ports
        return Status(
            https=ports.base_urls[0],
            ca=trusted.by_callers(settings.data),
            needs_roots=trusted.needs_roots(settings.data),
            tenant=self._tenant.tenant_id,
            subscription=self._tenant.subscription_id,
            client_id=self._tenant.client_id,
            client_secret_file=settings.data / CLIENT_SECRET,
            dns=ports.name_server,
            blob=ports.blob_url,
            pid=os.getpid(),
            services=self._models.status() if self._models else (),
            listeners=statuses(settings, ports),
            version=self._version,
            certificate=self._renewal.status() if self._renewal else None,
            execution_providers=settings.execution_providers,
            edge=None if self._edge is None else self._edge.status(),
            replicas=None if self._placement is None else self._placement.status(),
        )

    def _start(self, starting: contextlib.ExitStack) -> None:
        settings = self.settings
        started = time.monotonic()
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.data.chmod(0o700)
        self._lock = starting.enter_context(lock.held(settings.data))
        starting.enter_context(logs.written(settings.data / LOG))
        descriptors.raise_limit()
        write_private(settings.data / PID, str(os.getpid()).encode())
        starting.callback((settings.data / PID).unlink, missing_ok=True)
        key = operator_key.find(settings.encryption_key_file, settings.written("encryption_key_file"))
        mark = folder.checked(settings.data, encryption.judge(settings.data, key))
        authorities.require_readable(settings.data)
        ports = self._ports = port_numbers.resolve(settings)
        pool = AddressPool.of(settings)
        port_numbers.require_right(*pool.first, "scoring", settings)
        # Bound before all that takes its time, so that a restart is a wait for who connects meanwhile.
        bound = listener.bind(ports.host, ports.https)
        starting.callback(bound.close)
        store = Store(settings.data / DATABASE, mark, lambda db: encryption.vault_of(settings.data, db, key))
        starting.callback(store.close)
        encryption.keep(store, settings.data, key)
        starting.enter_context(Aside(settings.data).tended())
        challenges = Challenges()
        source = sources.source_of(settings, challenges, (near(ports.dns_host), ports.dns), store.vault)
        pair, ca = sources.first(settings, source), trusted.here(settings.data)
        tenant = self._tenant = tenants.load_or_make(store, settings.data)
        self._store = store
        starting.callback(secret_file.forget, settings.data)
        self._take_credentials(is_expected=False)

        urls = ports.base_urls
        azurite = self._azurite(ports, pair)
        blobs = None
        if azurite is not None:
            blobs = Blobs(store, azurite, f"https://{ports.blob_place}", ca, ports.near_blob_host, ports.blob)
            blobs.serve_accounts()  # the list to start with
            blob_service = starting.enter_context(_beside(azurite.start))
            starting.callback(lambda: azurite.stop(self._drain_left_s()))

        servers = name_servers.named(server_name(settings))
        name_servers.settle(store, ZONE_TYPE, servers)
        # Its queries are short: it ends behind all that takes longer.
        suffixes = blob_suffixes(settings)
        blob_zones = BlobZones(ports.blob_place.rpartition(":")[0], suffixes) if blobs is not None else None
        dns = DnsServer(store, ports.dns_host, ports.dns, challenges, blob_zones)
        dns.start()
        starting.callback(dns.stop)
        device = Device(settings.featurizers, settings.execution_providers)
        placement = self._placement = starting.enter_context(
            placed(settings, device, lambda service_id: scoring.follow(service_id))
        )
        edge = self._edge = edges.of(settings)
        scoring = ScoringHost(edge=edge)
        starting.callback(lambda: scoring.stop(self._drain_left_s()))
        models = self._models = ModelManagement(
            store=store,
            scoring=scoring,
            device=device,
            pool=pool,
            data=settings.data,
            ca_file=ca,
            hosts=_package_hosts(settings, ports, blobs),
            crash_report=starting.enter_context(endings.reported(settings.data / CRASH_REPORT)),
            placement=placement,
        )
        models.start()
        starting.callback(models.stop)
        if edge is not None:
            edge.start()  # with the services that are there again

        tokens = Tokens(tenant, self._given_credentials, urls)
        guard = Guard(store, tenant, tokens, Audit(settings.data))
        health = Health(self._version, self.status, guard)
        uses = starting.enter_context(Uses(store).kept())
        federation.take_over(store, settings.data, tenant.client_id)
        secrets = ClientSecrets(store, tenant, self._given_credentials)
        identity = IdentityApi(tenant, secrets, tokens, Federation(), store, uses, suffixes[0])
        portal = Portal(portals.Parts(urls, tenant, store, guard, secrets, uses, models, scoring))
        public = [*health.routes(), *identity.routes()]
        described = OpenApi(self._version, has_blobs=blobs is not None)
        requests = RequestCounts(guard.record)
        frame = _frame(
            store, tenant, guard, urls, models, blobs, described, public, requests, servers, portal
        )
        starting.callback(frame.close)
        starting.callback(models.begin_stop)  # so that no handler waits for a trial
        if blobs is not None:
            blob_service.result()
        # Kept before anybody is told of them, and not before all else is up.
        port_numbers.keep(settings, ports)
        folder.settle(settings.data, mark, store)
        store.checkpoint()
        https = self._https = starting.enter_context(
            served(frame, ports.host, ports.https, pair, self._drain_left_s, bound=bound)
        )
        listeners: list[Callable[[Pair], None]] = [https.renew]
        if azurite is not None:
            listeners.insert(0, azurite.renew)
        self._renewal = Renewal(settings.data, settings.certificate_source, source, pair, listeners)
        expiry = self._renewal.certificate_expires
        told = Sources(
            settings.data, store, scoring, requests, azurite, edge, placement, expiry, self._version
        )
        listeners += starting.enter_context(metrics.served(settings, told, guard, pair))
        starting.enter_context(self._renewal.kept_up())
        log.info("ready at %s after %.2f s", urls[0], time.monotonic() - started)
        if blobs is not None:
            threading.Thread(target=warm_up, name="warm-up", daemon=True).start()

    def _drain_left_s(self) -> float:
        return max(self._ends_at - time.monotonic(), LEAST_DRAIN_S)

    def _take_credentials(self, *, is_expected: bool) -> None:
        self._credentials = credentials.load(self._store, self.settings.data)
        data, secret = self.settings.data, self._credentials.client_secret
        # Behind what opens: the secret in the file always does.
        if self._store.vault.is_sealing:
            secret_file.keep_in_memory(data, secret, is_expected=is_expected)
        else:
            secret_file.keep(data, secret, is_expected=is_expected)

    def _given_credentials(self) -> Credentials:
        return self._credentials

    def _azurite(self, ports: Ports, pair: Pair) -> Azurite | None:
        settings = self.settings
        if settings.node is None or settings.azurite is None:
            return None
        return Azurite(
            data=settings.data / BLOBS,
            host=ports.blob_host,
            port=ports.blob,
            node=settings.node,
            package=settings.azurite,
            pair=pair,
            suffixes=blob_suffixes(settings),
        )


def _package_hosts(settings: Settings, ports: Ports, blobs: Blobs | None) -> PackageHosts:
    named = [settings_rules.package_host(written) for written in settings.package_hosts]
    if blobs is None:
        return PackageHosts(named)
    near = settings_rules.PackageHost(ports.near_blob_host, ports.blob)
    own = OwnAccounts(blob_suffixes(settings), ports.blob_place, blobs.holds)
    return PackageHosts(named, settings_rules.package_host(ports.blob_place), near, own)


def _frame(
    store: Store,
    tenant: Tenant,
    guard: Guard,
    urls: tuple[str, ...],
    models: ModelManagement,
    blobs: Blobs | None,
    described: OpenApi,
    public: Sequence[Route],
    requests: RequestCounts,
    servers: Sequence[str],
    portal: Portal,
) -> Frame:
    """The frame with every API behind one port."""
    storage = StorageAccounts(store, blobs)

    def removed(resources: Sequence[Resource]) -> Callable[[], None]:
        endings = [
            models.remove_account(resource.id) for resource in resources if resource.type == ACCOUNT_TYPE
        ]
        if any(resource.type == STORAGE_TYPE for resource in resources):
            endings.append(storage.forget_deleted)

        def take_down() -> None:
            for ending in endings:
                ending()

        return take_down

    providers: list[arm.Provider] = [
        Authorization(store, tenant),
        Subscriptions(tenant),
        Providers(store),
        Groups(store, removed),
        Accounts(store, removed),
        Zones(store, servers),
        RecordSets(store),
        storage,
        StorageKeys(store, storage.serve),
        Containers(store, blobs),
    ]
    return Frame(
        base_urls=urls,
        public=public,
        routes=[*described.routes(), *models.routes(), *arm.routes(tenant, providers)],
        authenticate=guard.authenticate,
        authorize=guard.authorize,
        record=requests.record,
        missing=lambda request: arm.missing(tenant, request),
        pages=portal.routes(),
    )


@contextlib.contextmanager
def _beside(work: Callable[[], None]) -> Iterator[Future[None]]:
    """Does something on a thread of its own, and waits for it at the block's end."""
    with ThreadPoolExecutor(1, thread_name_prefix="starting") as pool:
        yield pool.submit(work)
