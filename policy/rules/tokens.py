"""The type tokens of the graph's resources, as the engine names them.

They are all that the rules take from the program's catalogue: what must be protected, and what must be
secret, they judge by themselves.
"""

from __future__ import annotations

from typing import Final

from infra import catalogue

RESOURCE_GROUP: Final = catalogue.RESOURCE_GROUP.token
GENERIC_RESOURCE: Final = catalogue.ACCOUNT.token
STORAGE_ACCOUNT: Final = catalogue.STORAGE_ACCOUNT.token
BLOB_CONTAINER: Final = catalogue.BLOB_CONTAINER.token
ZONE: Final = catalogue.ZONE.token
RECORD_SET: Final = catalogue.RECORD_SET.token
SERVICE: Final = catalogue.SERVICE.token
ENDPOINT: Final = catalogue.ENDPOINT.token
KEYS: Final = catalogue.KEYS.token
ENDPOINT_CHECK: Final = catalogue.ENDPOINT_CHECK.token
DEVELOPMENT_CA: Final = catalogue.DEVELOPMENT_CA.token
CERTIFICATE: Final = catalogue.CERTIFICATE.token
ACME_ACCOUNT: Final = catalogue.ACME_ACCOUNT.token
ACME_CERTIFICATE: Final = catalogue.ACME_CERTIFICATE.token

ACCOUNT_PROVIDER: Final = catalogue.ACCOUNT_PROVIDER
"""The provider's namespace by which a generic resource is known for a Model Management account."""
