#!/bin/sh
# The messages and stubs of the protos, into `generated`. PYTHON: one with the packages of requirements.lock.
set -eu
cd "$(dirname "$0")"
protos=../../clients/wire/protos
mkdir -p generated
find "$protos" -name '*.proto' -exec "${PYTHON:-python3}" -m grpc_tools.protoc \
    -I "$protos" --python_out=generated --grpc_python_out=generated {} +
