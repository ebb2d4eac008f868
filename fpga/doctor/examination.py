"""The examination of a machine: each fact measured, and judged by its check. Nothing is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache

from fpga.caller import Caller
from fpga.doctor import checks, measures
from fpga.doctor.finding import Finding, warning
from fpga.errors import CommandError
from fpga.project import Project


def findings(project: Project, caller: Caller, tell: Callable[[str], object]) -> Iterator[Finding]:
    """The findings on a checkout and its machine, in the order in which one is best mended.

    Args:
        tell: told what is looked at, before each check.
    """
    from engine.errors import EngineError
    from localcloud.errors import LocalcloudError

    for name, check in _all(project, caller).items():
        tell(name)
        try:
            yield from check()
        except (OSError, ValueError, CommandError, EngineError, LocalcloudError) as error:
            told = f"cannot be looked at: {str(error).rstrip('.')}"
            yield warning(name, told, "mend that, and run `fpga doctor` again")


def _all(project: Project, caller: Caller) -> Mapping[str, Callable[[], list[Finding]]]:
    """The checks by what they look at."""
    installation, shell, storage = checks.installation, checks.shell, checks.storage
    network, cloud = checks.network, checks.cloud
    # measured once, for several checks
    places = cache(lambda: measures.storage.places(project))
    seen = cache(lambda: measures.cloud.clouds(project))

    def stopped() -> list[Finding]:
        data = [one.cloud.data for one in seen() if not one.cloud.is_running and not one.cloud.trouble]
        return network.ports(measures.network.kept_ports(data))

    def names() -> list[Finding]:
        status = next((one.status for one in seen() if one.cloud.is_default), None)
        return network.names(measures.network.names(project, status))

    def clock() -> list[Finding]:
        return storage.clock(datetime.now(UTC), *measures.storage.newest(project))

    def owners() -> list[Finding]:
        foreign = measures.storage.foreign_files(project)
        return storage.owners(foreign, measures.storage.user(), project.local)

    def home() -> list[Finding]:
        return shell.home(caller.environ, measures.shell.home_trouble(caller.environ))

    def certificates() -> list[Finding]:
        return cloud.certificates(measures.cloud.certificates(seen()), datetime.now(UTC))

    return {
        "Python": lambda: installation.python(measures.installation.python()),
        "virtual environment": lambda: installation.environment(measures.installation.environment(project)),
        "programs": lambda: installation.programs(measures.installation.missing_programs()),
        "engine": lambda: installation.engine(measures.installation.engine(project)),
        "home folder": home,
        "disk room": lambda: storage.room(places()),
        "folders can be written": lambda: storage.writable(places()),
        "programs can run": lambda: storage.programs_run(places()),
        "file system": lambda: storage.file_system(places()),
        "owners": owners,
        "secret files": lambda: storage.secrets(measures.storage.readable_secrets(project)),
        "passphrase": lambda: storage.passphrases(measures.storage.passphrases(project)),
        "clock": clock,
        "umask": lambda: shell.umask(caller.umask),
        "locale": lambda: shell.locale(caller.environ),
        "open files": lambda: shell.open_files(measures.shell.open_files()),
        "activation": lambda: shell.activation(measures.shell.activation(caller.environ, project)),
        "files that variables name": lambda: shell.named_files(measures.shell.named_files(caller.environ)),
        "proxies": lambda: shell.proxies(caller.environ),
        "loopback addresses": lambda: network.loopback(measures.network.loopback(), sys.platform),
        "localhost": lambda: network.localhost(measures.network.hosts_addresses("localhost")),
        "localcloud": lambda: cloud.clouds([one.cloud for one in seen()]),
        "ports": stopped,
        "the service's name": names,
        "certificates": certificates,
        "left behind": lambda: cloud.left_behind(measures.cloud.left_behind(project)),
    }
