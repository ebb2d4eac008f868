"""Scores photos: `python score.py PHOTO…`."""

from __future__ import annotations

import sys
from pathlib import Path

import grpc
from scoring import Service, best, explained, request
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)


def main(photos: list[str]) -> int:
    service = Service.from_environment()
    with grpc.secure_channel(service.target, service.credentials, service.options) as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            # Without waiting: tells at once what is wrong with name, certificate or key.
            models.GetModelStatus(get_model_status_pb2.GetModelStatusRequest(), timeout=service.timeout_s)
            for photo in photos:
                response = predictions.Predict(request(Path(photo).read_bytes()), timeout=service.timeout_s)
                print(f"{photo}: {best(response)}", flush=True)
        except grpc.RpcError as error:
            print(explained(error), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
