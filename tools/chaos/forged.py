"""Forged calls: tokens, sign-ins, service keys and signatures of blobs that must open nothing."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json
import random
import sqlite3
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import grpc
import jwt
import requests
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from jwt.algorithms import RSAAlgorithm

from localcloud.identity.tokens import AUDIENCES
from localcloud.scoring.addresses import Endpoint
from localcloud.server import Cloud
from localcloud.settings import DATABASE
from localcloud.status import Status
from surroundings import https
from tests.support.localcloud import parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane, endpoint, on
from tests.support.localcloud.scoring_parts import channel, photo_request, predict
from tools.chaos.table import Progress, Table, rounds
from tools.chaos.victim import NETWORK
from tools.chaos.writes import STORAGE, Scene

Forged = Iterator[tuple[str, Callable[[], str]]]
"""Forged calls: how, and a call that says `refused`, `let in`, or what else it came to."""
REFUSED, LET_IN = "refused", "let in"
_ALTERED: Final = 60
_STRANGER: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Target:
    """A localcloud with something of everything, and all of its secrets: a forger may know any but the one.

    Attributes:
        key: the tenant's signing key.
        service: where a service with SSL answers.
        keys: the service's, and others that are no longer its own, or are another service's.
        storage_key: of the storage account that has the blob `models/kept`.
        claims: those of a token that was issued.
    """

    status: Status
    scene: Scene
    session: requests.Session
    key: rsa.RSAPrivateKey
    tenant: str
    account: str
    service: Endpoint
    keys: tuple[str, str]
    stale_keys: tuple[str, ...]
    storage_key: str
    secret: str
    claims: dict[str, Any]

    @property
    def base(self) -> str:
        return str(self.status.https)


def measure(seconds: float, progress: Progress) -> Table:
    """Forged calls of every sort, altered ones elsewhere each time."""
    counts: dict[str, Counter[str]] = {}
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as name, Scene.made() as scene:
        settings = replace(parts.settings(Path(name) / "data"), scoring_network=NETWORK)
        with Cloud(settings) as cloud:
            target = _target(cloud, scene)
            with closing(target.session):
                _require_open(target)
                for number in rounds(seconds):
                    chance = random.Random(number)  # noqa: S311 - an attack that can be repeated
                    for what, call in _all(target, chance):
                        outcome = call()
                        counted = outcome if outcome in (REFUSED, LET_IN) else "otherwise"
                        counts.setdefault(what, Counter())[counted] += 1
                        if outcome != REFUSED:
                            broken.append(f"{what}: {outcome}")
                    progress(f"{sum(found.total() for found in counts.values()):,} forged calls")
                _require_open(target)
    table = Table(("forged", "calls", "refused", "let in", "otherwise"), broken=broken)
    for what, found in counts.items():
        table.rows.append([what, found.total(), found[REFUSED], found[LET_IN], found["otherwise"]])
    table.add_total()
    return table


def _all(target: Target, chance: random.Random) -> Forged:
    yield from _tokens(target, chance)
    yield from _sign_ins(target, chance)
    yield from _keys(target, chance)
    yield from _signatures(target, chance)


def _target(cloud: Cloud, scene: Scene) -> Target:
    status = cloud.status()
    with closing(DataPlane(status)) as plane:
        scene.furnish(plane)
        (service,) = plane.call("GET", "services").json()["value"]
        other = plane.deploy(service["modelId"], "other", **on(scene.authority))
        stale = (*plane.keys(service["id"]), *plane.keys(other["id"]))
        plane.call("POST", f"services/{service['id']}/regeneratekeys")
        group = plane.account_id.partition("/providers/")[0]
        storage = f"{group}/providers/Microsoft.Storage/storageAccounts/{STORAGE}"
        storage_key = plane.arm("POST", f"{storage}/listKeys").json()["keys"][0]["value"]
        keys, account = plane.keys(service["id"]), plane.account
    with closing(ArmCaller(status)) as caller:
        claims: dict[str, Any] = jwt.decode(caller.token(), options={"verify_signature": False})
    with closing(sqlite3.connect(cloud.settings.data / DATABASE)) as db:
        tenant, pem = db.execute("SELECT tenant_id, signing_key FROM tenant").fetchone()
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - as it makes them
    session = https.session()
    session.trust_env = False
    session.verify = str(status.ca)
    made = Target(
        status,
        scene,
        session,
        key,
        tenant,
        account,
        endpoint(service),
        keys,
        stale,
        storage_key,
        status.client_secret_file.read_text(),
        claims,
    )
    put = session.put(
        f"{status.blob}/{STORAGE}/models/kept?{_signature(made, permission='cw')}",
        data=b"kept",
        headers={"x-ms-blob-type": "BlockBlob"},
    )
    assert put.status_code == 201, put.text  # noqa: S101 - what is good is taken
    return made


def _require_open(target: Target) -> None:
    """Checks that what is not forged is let in."""
    assert _with_token(target, f"Bearer {_token(target)}") == LET_IN  # noqa: S101
    assert _signed_in(target) == LET_IN  # noqa: S101
    assert all(_called(target, key) == LET_IN for key in target.keys)  # noqa: S101
    assert _read(target, _signature(target)) == LET_IN  # noqa: S101


def _token(target: Target, key: Any = None, algorithm: str = "RS256", without: str = "", **other: Any) -> str:
    now = int(time.time())
    claims = target.claims | {"nbf": now - 10, "exp": now + 600} | other
    claims.pop(without, None)
    # `jwt.encode` makes no token with claims of another type
    return jwt.PyJWS().encode(json.dumps(claims).encode(), target.key if key is None else key, algorithm)


def _tokens(target: Target, chance: random.Random) -> Forged:
    """Calls of Resource Manager and of the data plane with tokens that are none."""
    good = _token(target)
    header, payload, signature = good.split(".")
    now = int(time.time())
    other = str(uuid.uuid4())
    odd: list[object] = [1, None, [], {}]
    by = {
        "of another issuer": [
            f"Bearer {_token(target, iss=issuer)}"
            for issuer in (
                "https://evil.example/",
                f"https://sts.windows.net/{target.tenant}/",
                f"{target.base}/{other}/v2.0",
                f"{target.base}/{target.tenant}/v2.0/",
                "",
                *odd,
            )
        ],
        "for another audience": [
            f"Bearer {_token(target, aud=audience)}"
            for audience in ("https://vault.azure.net", "https://storage.azure.com/", "", [["a"]], *odd)
        ],
        "of another tenant": [f"Bearer {_token(target, tid=tenant)}" for tenant in (other, "", None, 1)],
        "that is over": [f"Bearer {_token(target, exp=now - ago)}" for ago in (5, 3600, now, float("inf"))],
        "that is not valid yet": [f"Bearer {_token(target, nbf=now + 3600, exp=now + 7200)}"],
        "without a claim": [
            f"Bearer {_token(target, without=one)}" for one in ("aud", "iss", "tid", "exp", "nbf")
        ],
        "signed by another": [f"Bearer {_token(target, _STRANGER)}"],
        "whose header chooses the check": [
            f"Bearer {_signed(payload, *made)}" for made in _headers(target, header)
        ],
        "altered": [
            f"Bearer {'.'.join(_altered_parts([header, payload, signature], chance))}"
            for _ in range(_ALTERED)
        ],
        "cut, or of another form": [
            *(f"Bearer {good[: chance.randrange(1, len(good) - 1)]}" for _ in range(_ALTERED // 4)),
            *("", "Bearer", "Bearer ", "Bearer ..", f"Basic {good}", f"Bearer {header}.{payload}", good),
            *(f"Bearer {header}.{payload}.", f"Bearer {target.secret}", f"Bearer {target.keys[0]}"),
            f"Bearer {good}.{signature}",
        ],
    }
    for how, headers in by.items():
        for value in headers:
            yield f"a token {how}", lambda value=value: _with_token(target, value)  # type: ignore[misc]


def _headers(target: Target, header: str) -> list[tuple[dict[str, Any], Callable[[bytes], bytes]]]:
    """Headers that confuse (RFC 8725), each with who signs."""
    public = target.key.public_key()
    spki = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    own = json.loads(_decoded(header))
    jwk = RSAAlgorithm.to_jwk(_STRANGER.public_key(), as_dict=True)

    def stranger(content: bytes) -> bytes:
        return _STRANGER.sign(content, padding.PKCS1v15(), hashes.SHA256())

    nobody = [
        (own | {"alg": algorithm}, lambda _: b"") for algorithm in ("none", "None", "nOnE", "", "RS256")
    ]
    shared = [
        (own | {"alg": algorithm}, lambda content, held=held: hmac.digest(held, content, "sha256"))
        for algorithm in ("HS256", "RS256")
        for held in (spki, der, b"", target.secret.encode())
    ]
    pointed = [
        (own | more, stranger)
        for more in (
            {"jwk": jwk},
            {"jku": "https://evil.example/keys"},
            {"x5u": "https://evil.example/chain"},
            {"kid": "../../dev/null"},
            {"kid": "' OR 1=1 --"},
            {"crit": ["exp"]},
            {"b64": False},
        )
    ]
    return [*nobody, *shared, *pointed]


def _signed(payload: str, header: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    packed = f"{_encoded(json.dumps(header).encode())}.{payload}"
    return f"{packed}.{_encoded(sign(packed.encode()))}"


def _altered_parts(coded: list[str], chance: random.Random) -> list[str]:
    """The parts of a token with one bit changed in what they mean."""
    number = chance.randrange(len(coded))
    content = bytearray(_decoded(coded[number]))
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return [*coded[:number], _encoded(bytes(content)), *coded[number + 1 :]]


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _with_token(target: Target, authorization: str) -> str:
    """Calls with that header, of Resource Manager and of the data plane."""
    paths = (f"/subscriptions/{target.status.subscription}/resourcegroups", f"{target.account}/services")
    outcomes = {
        _judged(
            target.session.get(
                f"{target.base}{path}",
                params={"api-version": "2018-04-01-preview"},
                headers={"Authorization": authorization},
                timeout=30,
            ),
            (401,),
        )
        for path in paths
    }
    return " and ".join(sorted(outcomes))


def _judged(answer: requests.Response, refusals: tuple[int, ...]) -> str:
    if answer.ok:
        return LET_IN
    return REFUSED if answer.status_code in refusals else f"{answer.status_code} {answer.text[:200]}"


def _sign_ins(target: Target, chance: random.Random) -> Forged:
    """Forms that must be given no token."""
    secret = target.secret
    wrong = {
        "another secret": [
            {"client_secret": value}
            for value in (
                *(_altered_text(secret, chance) for _ in range(10)),
                *("", secret[:-1], f"{secret}a", secret.swapcase(), f" {secret}", f"{secret}\n", "\0", "é"),
            )
        ],
        "another client": [{"client_id": value} for value in (str(uuid.uuid4()), "", target.tenant)],
        "an assertion that nobody vouches for": [
            {
                "client_secret": "",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": value,
            }
            for value in (
                _token(target),
                _token(target, _STRANGER),
                "",
                "a.b.c",
                _token(target, iss="https://127.0.0.1:1"),
            )
        ],
        "another way": [
            {"grant_type": value} for value in ("password", "refresh_token", "authorization_code", "")
        ],
    }
    for how, forms in wrong.items():
        for form in forms:
            yield f"a sign-in with {how}", lambda form=form: _signed_in(target, **form)  # type: ignore[misc]
    for tenant in (str(uuid.uuid4()), "common", "organizations", ".."):
        yield "a sign-in to another tenant", lambda tenant=tenant: _signed_in(target, tenant)  # type: ignore[misc]


def _signed_in(target: Target, tenant: str | None = None, **fields: str) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": str(target.status.client_id),
        "client_secret": target.secret,
        "scope": f"{AUDIENCES[0]}/.default",
    } | fields
    answer = target.session.post(
        f"{target.base}/{tenant or target.tenant}/oauth2/v2.0/token",
        data={name: value for name, value in form.items() if value},
        timeout=30,
    )
    return _judged(answer, (400, 401) if tenant != ".." else (400, 401, 404, 405))


def _altered_text(text: str, chance: random.Random) -> str:
    """The text with one letter exchanged."""
    at = chance.randrange(len(text))
    return text[:at] + ("b" if text[at] == "a" else "a") + text[at + 1 :]


def _keys(target: Target, chance: random.Random) -> Forged:
    """Calls of a service that its keys alone open."""
    primary, secondary = target.keys
    by: dict[str, list[str | None]] = {
        "of before, or of another service": list(target.stale_keys),
        "altered": [_altered_text(primary, chance) for _ in range(6)],
        "cut, or of another form": [
            *(None, "", "Bearer", "Bearer ", primary[:-1], f"{primary}a", primary.swapcase()),
            *(f"Basic {primary}", f"{primary},{secondary}", target.storage_key, f"Bearer {_token(target)}"),
        ],
    }
    for how, keys in by.items():
        for key in keys:
            yield f"a service key {how}", lambda key=key: _called(target, key)  # type: ignore[misc]


def _called(target: Target, key: str | None) -> str:
    with channel(target.service, target.scene.authority.root) as opened:
        try:
            predict(opened, photo_request() if key in target.keys else b"", key)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                return REFUSED
            # who is let in is told that this is no message, or no input of this model
            return LET_IN if error.code() is grpc.StatusCode.INVALID_ARGUMENT else f"{error.code()}"
        return LET_IN


def _signature(
    target: Target,
    blob: str = "kept",
    *,
    key: str | None = None,
    permission: str = "r",
    ends_in_s: float = 600,
) -> str:
    """A shared access signature for a blob."""
    signed: str = generate_blob_sas(
        STORAGE,
        "models",
        blob,
        account_key=key or target.storage_key,
        permission=BlobSasPermissions.from_string(permission),
        expiry=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=ends_in_s),
    )
    return signed


def _signatures(target: Target, chance: random.Random) -> Forged:
    """Calls of blob storage with shared access signatures that must not open the blob."""
    good = dict(part.split("=", 1) for part in _signature(target).split("&"))
    of_another_key = _signature(target, key=base64.b64encode(chance.randbytes(64)).decode())

    def changed(**fields: str) -> str:
        return "&".join(f"{name}={value}" for name, value in (good | fields).items() if value)

    by = {
        "altered": [
            changed(sig=f"{good['sig'][:at]}{'A' if good['sig'][at] != 'A' else 'B'}{good['sig'][at + 1 :]}")
            for at in range(0, 40, 4)
            if good["sig"][at] != "%" and "%" not in good["sig"][max(at - 2, 0) : at]
        ],
        "that is over": [_signature(target, ends_in_s=-60)],
        "of another blob": [_signature(target, "other")],
        "of another key": [of_another_key],
        "with more rights, or a longer life, than signed": [
            changed(sp="rw"),
            changed(se="2099-01-01T00%3A00%3A00Z"),
            changed(sr="c"),
            changed(sig=""),
            changed(sv="2015-04-05"),
        ],
        "that is missing": ["", "sig=", "comp=metadata"],
    }
    for how, queries in by.items():
        for query in queries:
            yield f"a blob's signature {how}", lambda query=query: _read(target, query)  # type: ignore[misc]
    yield (
        "a blob's signature to read, to write with",
        lambda: _judged(
            target.session.put(
                f"{target.status.blob}/{STORAGE}/models/kept?{_signature(target)}",
                data=b"forged",
                headers={"x-ms-blob-type": "BlockBlob"},
                timeout=30,
            ),
            (403,),
        ),
    )


def _read(target: Target, query: str) -> str:
    answer = target.session.get(f"{target.status.blob}/{STORAGE}/models/kept?{query}", timeout=30)
    return _judged(answer, (400, 401, 403, 404))
