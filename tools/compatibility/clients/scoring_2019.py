"""azureml-accel-models: the client that scores, with TensorFlow and its own messages."""

from datetime import timedelta

import grpc
import numpy
from azureml.accel._client import PredictionClient
from steps import run, step


@step("a photo is scored without SSL")
def plain(given, state):
    client = PredictionClient(given["plain"][0], given["plain"][1], service_name="plain")
    result = client.score_file(given["photo"], outputs=given["output"])
    assert int(numpy.argmax(result)) == given["best"]


@step("a photo is scored over TLS, by the primary and by the secondary key")
def secure(given, state):
    for key in given["keys"]:
        client = PredictionClient(given["secure"][0], given["secure"][1], True, key, "secure")
        assert int(numpy.argmax(client.score_file(given["photo"], outputs=given["output"]))) == given["best"]


@step("the only output is given without its name")
def unnamed(given, state):
    client = PredictionClient(given["plain"][0], given["plain"][1])
    assert int(numpy.argmax(client.score_file(given["photo"]))) == given["best"]


@step("a connection is made anew after its time")
def anew(given, state):
    client = PredictionClient(given["plain"][0], given["plain"][1], channel_shutdown_timeout=timedelta(0))
    for _ in range(2):
        assert int(numpy.argmax(client.score_file(given["photo"]))) == given["best"]


@step("a wrong key is refused (UNAUTHENTICATED), each of five times")
def refused(given, state):
    client = PredictionClient(given["secure"][0], given["secure"][1], True, "wrong", "secure")
    try:
        client.score_file(given["photo"])
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    else:
        raise AssertionError("it was scored")


@step("an output that is not there is refused (INVALID_ARGUMENT), at once")
def no_photo(given, state):
    client = PredictionClient(given["plain"][0], given["plain"][1])
    try:
        client.score_numpy_arrays({"nothing": numpy.zeros((1, 4), numpy.float32)})
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    else:
        raise AssertionError("it was scored")


run()
