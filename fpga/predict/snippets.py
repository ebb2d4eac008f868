"""Snippets that connect to a service, in the languages of the samples. The key is read from its variable."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fpga.errors import CommandError
from fpga.predict.call_info import KEY_VARIABLE, CallInfo


class Language(StrEnum):
    """A language that there is a snippet in."""

    python = "python"
    go = "go"
    node = "node"
    java = "java"
    csharp = "csharp"
    curl = "curl"


@dataclass(frozen=True)
class _Snippet:
    """A snippet with @WORDS@ to put in.

    Attributes:
        tls: with TLS and the key.
        plain: without both.
        roots: what is put in for @ROOTS@ where there is a root to hand over; else nothing is.
    """

    tls: str
    plain: str
    roots: str


_SNIPPETS: Final[Mapping[Language, _Snippet]] = {
    Language.python: _Snippet(
        """\
import os

import grpc

credentials = grpc.composite_channel_credentials(
    grpc.ssl_channel_credentials(@ROOTS@),
    grpc.access_token_call_credentials(os.environ["@KEY@"]),
)
channel = grpc.secure_channel(
    "ipv4:@ADDRESS@:@PORT@", credentials, [("grpc.ssl_target_name_override", @HOST@)]
)""",
        """\
import grpc

channel = grpc.insecure_channel("ipv4:@ADDRESS@:@PORT@")""",
        'open(@ROOTS_FILE@, "rb").read()',
    ),
    Language.go: _Snippet(
        """\
config := &tls.Config{MinVersion: tls.VersionTLS12}
@ROOTS@channel, err := grpc.NewClient(
	"passthrough:///@ADDRESS@:@PORT@",
	grpc.WithAuthority(@HOST@),
	grpc.WithTransportCredentials(credentials.NewTLS(config)),
	grpc.WithPerRPCCredentials(key(os.Getenv("@KEY@"))), // samples/go/service.go has this type
)""",
        """\
channel, err := grpc.NewClient(
	"passthrough:///@ADDRESS@:@PORT@",
	grpc.WithTransportCredentials(insecure.NewCredentials()),
)""",
        """\
pem, err := os.ReadFile(@ROOTS_FILE@)
if err != nil {
	return err
}
config.RootCAs = x509.NewCertPool()
config.RootCAs.AppendCertsFromPEM(pem)
""",
    ),
    Language.node: _Snippet(
        """\
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';

const credentials = grpc.credentials.combineChannelCredentials(
  grpc.credentials.createSsl(@ROOTS@),
  grpc.credentials.createFromMetadataGenerator((_, done) => {
    const metadata = new grpc.Metadata();
    metadata.set('authorization', `Bearer ${process.env.@KEY@}`);
    done(null, metadata);
  }),
);
const client = new PredictionService('ipv4:@ADDRESS@:@PORT@', credentials, {
  'grpc.ssl_target_name_override': @HOST@,
  'grpc.default_authority': @HOST@,
});""",
        """\
import grpc from '@grpc/grpc-js';

const client = new PredictionService('ipv4:@ADDRESS@:@PORT@', grpc.credentials.createInsecure());""",
        "readFileSync(@ROOTS_FILE@)",
    ),
    Language.java: _Snippet(
        """\
ChannelCredentials credentials = TlsChannelCredentials.newBuilder()
    @ROOTS@.build();
ManagedChannel channel = Grpc.newChannelBuilderForAddress("@ADDRESS@", @PORT@, credentials)
    .overrideAuthority(@HOST@)
    .build();
var stub = PredictionServiceGrpc.newBlockingStub(channel)
    .withCallCredentials(new Key(System.getenv("@KEY@"))); // samples/java has this class""",
        """\
ManagedChannel channel = Grpc.newChannelBuilderForAddress(
    "@ADDRESS@", @PORT@, InsecureChannelCredentials.create()).build();
var stub = PredictionServiceGrpc.newBlockingStub(channel);""",
        ".trustManager(new File(@ROOTS_FILE@))\n    ",
    ),
    Language.csharp: _Snippet(
        """\
using var channel = GrpcChannel.ForAddress("https://@NAME@:@PORT@", new GrpcChannelOptions
{
    HttpHandler = Connection.To("@ADDRESS@", @ROOTS@), // samples/csharp has this class
    Credentials = ChannelCredentials.Create(
        ChannelCredentials.SecureSsl,
        CallCredentials.FromInterceptor((_, metadata) =>
        {
            metadata.Add("authorization", $"Bearer {Environment.GetEnvironmentVariable("@KEY@")}");
            return Task.CompletedTask;
        })),
});""",
        """\
using var channel = GrpcChannel.ForAddress("http://@ADDRESS@:@PORT@");""",
        "@ROOTS_FILE@",
    ),
    Language.curl: _Snippet(
        """\
printf '{"instances": [{"b64": "%s"}]}' "$(base64 < PHOTO | tr -d '\\n')" |
    curl --fail-with-body@ROOTS@ \\
        --resolve @NAME@:@HTTP_PORT@:@ADDRESS@ \\
        --header @/dev/fd/3 3<<KEY \\
        --json @- https://@NAME@:@HTTP_PORT@/v1/models/@MODEL@:predict
authorization: Bearer $@KEY@
KEY""",
        """\
printf '{"instances": [{"b64": "%s"}]}' "$(base64 < PHOTO | tr -d '\\n')" |
    curl --fail-with-body \\
        --json @- http://@ADDRESS@:@HTTP_PORT@/v1/models/@MODEL@:predict""",
        " --cacert @ROOTS_FILE@",
    ),
}
_NO_ROOTS: Final = {Language.csharp: "null"}


def snippet(info: CallInfo, language: Language) -> str:
    """Lines that connect to the service; those of curl call it, too.

    Raises:
        CommandError: nothing can be told in this language: the service does not answer HTTP.
    """
    if language is Language.curl and info.http_port is None:
        raise CommandError(
            f"It is not known that {info.service} answers HTTP, which curl speaks: localcloud's setting "
            "scoringHttpPort says where services do, and the server tells it to who may read all of it."
        )
    quoted = shlex.quote if language is Language.curl else _literal
    text = _SNIPPETS[language].tls if info.tls else _SNIPPETS[language].plain
    roots = _SNIPPETS[language].roots if info.roots else _NO_ROOTS.get(language, "")
    values = {
        "ROOTS": roots,
        "ROOTS_FILE": quoted(str(info.roots)),
        "HOST": quoted(info.host),
        "NAME": info.host,
        "ADDRESS": info.address,
        "PORT": str(info.port),
        "HTTP_PORT": str(info.http_port),
        "MODEL": info.model or "model",
        "KEY": KEY_VARIABLE,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _literal(text: str) -> str:
    """A string as all of these languages write it."""
    return json.dumps(text, ensure_ascii=False)
