"""The plugin's gRPC side: `pulumirpc.ResourceProvider` on a port of the loopback interface."""

from __future__ import annotations

# gRPC calls each method with the request and the context, used or not.
# ruff: noqa: ARG002
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, Final, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from clients.azure.errors import ClientError
from engine.azure_native import VERSION, check, translate, types
from engine.azure_native.arm import Cancelled
from engine.azure_native.config import Configuration, keep_secret
from engine.azure_native.provider import InitializationFailed, Provider, State
from engine.azure_native.values import Properties, from_struct, plain, to_struct

_MESSAGE_LIMIT_BYTES: Final = 400 * 1024 * 1024  # the engine's own
_WORKERS: Final = 16
_FORESEEN: Final = (
    Cancelled,
    ClientError,
    FileExistsError,
    LookupError,
    ValueError,  # a SettingError is one
)

Method = TypeVar("Method", bound=Callable[..., Any])


def _words(method: Method) -> Method:
    """Turns what went wrong into a gRPC status: the one place where errors become words."""

    @wraps(method)
    def answered(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except InitializationFailed as error:
            _abort_partly(context, error.state, str(error))
        except _FORESEEN as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except NotImplementedError:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method.__name__} is not offered")

    return answered  # type: ignore[return-value]


class ResourceProvider(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's calls, translated to and from `Provider`'s."""

    def __init__(self) -> None:
        self._provider = Provider(Configuration.read({}, {}))

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """The version whose types these are."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        """The types and functions that this plugin knows."""
        from engine.azure_native import schema  # each run starts the plugin, and few ask for this

        return provider_pb2.GetSchemaResponse(schema=schema.text())

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Ends waits for Azure."""
        self._provider.arm.cancel()
        return empty_pb2.Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """The configuration as it came, its secrets marked as such for the state."""
        return provider_pb2.CheckResponse(inputs=to_struct(keep_secret(from_struct(request.news))))

    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Another subscription holds none of the resources: all of them are replaced."""
        olds, news = plain(from_struct(request.old_inputs)), plain(from_struct(request.news))
        changed = sorted(name for name in olds.keys() | news.keys() if olds.get(name) != news.get(name))
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=[name for name in changed if name == "subscriptionId" and olds.get(name)],
        )

    @_words
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Takes the settings; no request is made."""
        settings: Properties = {key.rpartition(":")[2]: value for key, value in request.variables.items()}
        settings |= from_struct(request.args)
        self._provider = Provider(Configuration.read(settings, provider=request.name))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @_words
    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Fills in defaults."""
        kind, name = types.of_urn(request.urn)
        inputs, failures = check.check(
            kind,
            name,
            from_struct(request.olds),
            from_struct(request.news),
            default_location=self._provider.configuration.location,
            seed=request.randomSeed,
        )
        return provider_pb2.CheckResponse(
            inputs=to_struct(inputs),
            failures=[provider_pb2.CheckFailure(property=prop, reason=reason) for prop, reason in failures],
        )

    @_words
    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Compares inputs; asks nobody."""
        kind, _ = types.of_urn(request.urn)
        found = check.diff(kind, from_struct(request.old_inputs), from_struct(request.news))
        is_changed = found.changed or self._provider.is_in_doubt(request.id)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME
            if is_changed
            else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=found.changed,
            replaces=found.replaces,
            deleteBeforeReplace=found.delete_first,
            hasDetailedDiff=True,
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=_kind(change, replaces), inputDiff=True)
                for path, (change, replaces) in found.detailed.items()
            },
        )

    @_words
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Creates; in a preview tells what is known of the outputs."""
        kind, _ = types.of_urn(request.urn)
        inputs = from_struct(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(
                properties=to_struct(translate.preview_outputs(kind, inputs, None))
            )
        self._note_the_end(context, self._provider.identify(kind, inputs))
        state = self._provider.create(request.urn, kind, inputs, request.timeout)
        return provider_pb2.CreateResponse(id=state.id, properties=to_struct(state.outputs))

    @_words
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """Reads for a refresh or an import; an empty answer means gone."""
        kind, _ = types.of_urn(request.urn)
        state = self._provider.read(
            kind, request.id, from_struct(request.properties), from_struct(request.inputs)
        )
        if state is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=state.id, properties=to_struct(state.outputs), inputs=to_struct(state.inputs)
        )

    @_words
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Updates in place; in a preview tells what is known of the outputs."""
        kind, _ = types.of_urn(request.urn)
        inputs = from_struct(request.news)
        if request.preview:
            removed = from_struct(request.old_inputs).keys() - inputs.keys()
            olds = {key: value for key, value in from_struct(request.olds).items() if key not in removed}
            return provider_pb2.UpdateResponse(
                properties=to_struct(translate.preview_outputs(kind, inputs, olds))
            )
        self._note_the_end(context, request.id)
        state = self._provider.update(
            request.urn, kind, request.id, from_struct(request.olds), inputs, request.timeout
        )
        return provider_pb2.UpdateResponse(properties=to_struct(state.outputs))

    @_words
    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Deletes, to the end."""
        kind, _ = types.of_urn(request.urn)
        inputs = from_struct(request.old_inputs)
        self._provider.delete(request.urn, kind, request.id, inputs, request.timeout)
        return empty_pb2.Empty()

    @_words
    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Calls a function."""
        result = self._provider.invoke(request.tok, from_struct(request.args))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(result))  # a keyword of Python
        return response

    def _note_the_end(self, context: grpc.ServicerContext, identifier: str) -> None:
        """Has the note of an operation end with the call: not before the engine has the answer."""
        notes = self._provider.notes
        context.add_callback(lambda: notes.end(identifier))


def serve() -> tuple[grpc.Server, int]:
    """Starts the plugin's server: the server and its port on 127.0.0.1."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=_WORKERS),
        options=[
            ("grpc.max_receive_message_length", _MESSAGE_LIMIT_BYTES),
            ("grpc.max_send_message_length", _MESSAGE_LIMIT_BYTES),
        ],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(ResourceProvider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _kind(change: str, replaces: bool) -> Any:
    name = f"{change.upper()}_REPLACE" if replaces else change.upper()
    return provider_pb2.PropertyDiff.Kind.Value(name)


def _abort_partly(context: grpc.ServicerContext, state: State, reason: str) -> NoReturn:
    """Fails a create or an update, and tells the engine what is there all the same, for the state."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=state.id, properties=to_struct(state.outputs), inputs=to_struct(state.inputs), reasons=[reason]
        )
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reason, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, reason)
    raise AssertionError("abort raises")
