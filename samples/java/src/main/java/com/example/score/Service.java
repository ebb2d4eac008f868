package com.example.score;

import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * A service as the environment names it; {@code fpga call-info} prints these variables.
 *
 * @param host the name that its certificate bears
 * @param port of gRPC
 * @param address where it is; empty: the system's resolver tells
 * @param roots PEM file of the roots to trust; empty: those of the Java runtime
 * @param key the primary or the secondary one
 * @param timeoutMillis the deadline of each call
 */
record Service(
    String host, int port, String address, String roots, Key key, long timeoutMillis) {

  /** Retries of UNAVAILABLE; what is called waits for a connection. Numbers are doubles, as in JSON. */
  private static final Map<String, ?> SERVICE_CONFIG =
      Map.of(
          "methodConfig",
          List.of(
              Map.of(
                  "name",
                  List.of(Map.of("service", "tensorflow.serving.PredictionService")),
                  "waitForReady",
                  true,
                  "retryPolicy",
                  Map.of(
                      "maxAttempts", 5.0,
                      "initialBackoff", "1s",
                      "backoffMultiplier", 2.0,
                      "maxBackoff", "5s",
                      "retryableStatusCodes", List.of("UNAVAILABLE")))));

  static Service fromEnvironment() {
    return new Service(
        required("FPGA_SERVICE_HOST"),
        Integer.parseInt(required("FPGA_SERVICE_PORT")),
        optional("FPGA_SERVICE_ADDRESS", ""),
        optional("FPGA_SERVICE_ROOTS", ""),
        new Key(required("FPGA_SERVICE_KEY")),
        (long) (1000 * Double.parseDouble(optional("FPGA_SERVICE_TIMEOUT", "30"))));
  }

  /** A channel. The certificate is verified by the name, wherever the address is from. */
  ManagedChannel open() throws IOException {
    TlsChannelCredentials.Builder credentials = TlsChannelCredentials.newBuilder();
    if (!roots.isEmpty()) {
      // Java reads no GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: private roots are handed over.
      credentials.trustManager(new File(roots));
    }
    ManagedChannelBuilder<?> builder =
        Grpc.newChannelBuilderForAddress(address.isEmpty() ? host : address, port, credentials.build());
    return builder.overrideAuthority(host).defaultServiceConfig(SERVICE_CONFIG).enableRetry().build();
  }

  private static String required(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IllegalArgumentException(name + " is not set");
    }
    return value;
  }

  private static String optional(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }
}
