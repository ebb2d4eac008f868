"""The gRPC services of a server: scoring, what it tells of the model, its health, and reflection."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from clients.wire.tensorflow_serving import SERVICE
from localcloud.scoring.calls import Calls
from localcloud.scoring.counts import Counts
from localcloud.scoring.entry import Entry
from localcloud.scoring.health import Health
from localcloud.scoring.model_facts import MODEL_SERVICE, ModelFacts
from localcloud.scoring.prediction import predict_handler
from localcloud.scoring.reflection import reflection_handlers
from localcloud.scoring.served import ServedModel


class Methods:
    """The methods of a service. Any other is UNIMPLEMENTED, from gRPC.

    Args:
        service: the ID of the service.
        current: gives the model that answers; asked once for each call.
        calls: the calls of all services.
        counts: of this service.
    """

    def __init__(
        self, service: str, current: Callable[[], ServedModel], calls: Calls, counts: Counts
    ) -> None:
        entry = Entry(service, lambda: current().keys, calls, counts)
        facts = ModelFacts(entry, current)
        self._health = Health(service, entry, calls)
        self._scoring = {
            "Predict": predict_handler(service, current, calls, counts),
            "GetModelMetadata": facts.metadata_handler(),
        }
        self._model = {"GetModelStatus": facts.status_handler()}
        self._reflection = reflection_handlers(entry)

    def handlers(self) -> list[grpc.GenericRpcHandler[bytes, bytes]]:
        """The services for a gRPC server, which looks for a method in their order."""
        return [
            grpc.method_handlers_generic_handler(SERVICE, self._scoring),
            grpc.method_handlers_generic_handler(MODEL_SERVICE, self._model),
            self._health.handler(),
            *self._reflection,
        ]

    def follow(self, model: ServedModel) -> None:
        """Has the health follow the model that answers from now on."""
        self._health.follow(model.scorer)

    def end(self) -> None:
        """Tells who watches the health that the service ends."""
        self._health.end()
