#!/bin/sh
# The messages and stubs of the protos, as one Go package, into `pb`. PROTOC: protobuf's compiler, else `protoc`.
# The plugins are those that go.mod names as tools.
set -eu
cd "$(dirname "$0")"
protos=../../clients/wire/protos
module=$(go list -m)
set --
for proto in $(cd "$protos" && find . -name '*.proto' | sed 's|^\./||' | sort); do
    set -- "$@" "--go_opt=M$proto=$module/pb" "--go-grpc_opt=M$proto=$module/pb" "$proto"
done
"${PROTOC:-protoc}" -I "$protos" \
    "--plugin=protoc-gen-go=$(go tool -n protoc-gen-go)" \
    "--plugin=protoc-gen-go-grpc=$(go tool -n protoc-gen-go-grpc)" \
    --go_out=. "--go_opt=module=$module" --go-grpc_out=. "--go-grpc_opt=module=$module" \
    "$@"
