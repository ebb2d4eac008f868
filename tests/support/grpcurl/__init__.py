"""grpcurl, a caller of any gRPC service that knows only what reflection or .proto files tell it."""
