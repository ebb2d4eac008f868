"""The plugins' start, ahead of the first resource.

The engine starts a plugin when the first of its resources is registered, which the SDK does when all are
declared; and it does nothing else until the plugin is there. Asked for a function before that, it starts the
plugin while the program goes on: what the two load, they load side by side.
"""

from __future__ import annotations

from pulumi.runtime import settings
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc


def start() -> None:
    """Has the engine start the dynamic provider's plugin; returns at once.

    The function is none that the plugin has, and what becomes of the call is nothing to anybody.
    """
    monitor = settings.get_monitor()
    if isinstance(monitor, resource_pb2_grpc.ResourceMonitorStub):  # none, and no call, in a test with mocks
        monitor.Invoke.future(resource_pb2.ResourceInvokeRequest(tok="pulumi-python:index:start"))
