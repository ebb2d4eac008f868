"""The project's ways to speak HTTPS: each gets `/` of a server on this machine, and reads its JSON."""

from __future__ import annotations

import http.client
import ipaddress
import json
from collections.abc import Callable
from pathlib import Path

import requests
from azure.core.pipeline import Pipeline as AzurePipeline
from azure.core.rest import HttpRequest
from cryptography import x509

from clients.http import Pipeline
from surroundings.https import azure_transport, session
from surroundings.tls import client_context

HOST = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))

Client = Callable[[int, Path], object]


def by_context(port: int, roots: Path) -> object:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=5, context=client_context(cafile=roots)
    )
    try:
        connection.request("GET", "/")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def by_session(port: int, roots: Path) -> object:
    with session() as opened:
        return opened.get(f"https://127.0.0.1:{port}/", verify=str(roots), timeout=5).json()


def by_pipeline(port: int, roots: Path) -> object:
    pipeline = Pipeline(verify=str(roots))
    try:
        return pipeline.send("GET", f"https://127.0.0.1:{port}/").body
    finally:
        pipeline.close()


def by_azure_sdk(port: int, roots: Path) -> object:
    pipeline: AzurePipeline[HttpRequest, requests.Response] = AzurePipeline(azure_transport(str(roots)))
    with pipeline:
        request = HttpRequest("GET", f"https://127.0.0.1:{port}/")
        return json.loads(pipeline.run(request).http_response.body())  # type: ignore[attr-defined]
