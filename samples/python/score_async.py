"""Scores photos with asyncio: `python score_async.py PHOTO…`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import grpc
from scoring import Service, best, explained, request
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)


async def main(photos: list[str]) -> int:
    service = Service.from_environment()
    async with grpc.aio.secure_channel(service.target, service.credentials, service.options) as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        async def score(photo: str) -> None:
            content = await asyncio.to_thread(Path(photo).read_bytes)
            response = await predictions.Predict(request(content), timeout=service.timeout_s)
            print(f"{photo}: {best(response)}", flush=True)

        try:
            # Without waiting: tells at once what is wrong with name, certificate or key.
            await models.GetModelStatus(
                get_model_status_pb2.GetModelStatusRequest(), timeout=service.timeout_s
            )
            await asyncio.gather(*map(score, photos))  # all at once, over one connection
        except grpc.RpcError as error:
            print(explained(error), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
