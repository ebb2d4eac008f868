package com.example.score;

import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.AbstractStub;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import tensorflow.Tensor.TensorProto;
import tensorflow.TensorShape.TensorShapeProto;
import tensorflow.Types.DataType;
import tensorflow.serving.GetModelStatus.GetModelStatusRequest;
import tensorflow.serving.ModelServiceGrpc;
import tensorflow.serving.Predict.PredictRequest;
import tensorflow.serving.Predict.PredictResponse;
import tensorflow.serving.PredictionServiceGrpc;

/** Has photos scored by a service: {@code java -jar target/score.jar PHOTO…}. */
public final class Score {
  private Score() {}

  public static void main(String[] photos) {
    try {
      run(Service.fromEnvironment(), photos);
    } catch (StatusRuntimeException error) {
      System.err.println(explained(error.getStatus()));
      System.exit(1);
    } catch (IOException | IllegalArgumentException error) {
      System.err.println(error.getMessage());
      System.exit(1);
    }
  }

  private static void run(Service service, String[] photos) throws IOException {
    ManagedChannel channel = service.open();
    try {
      // Without waiting: tells at once what is wrong with name, certificate or key.
      with(service, ModelServiceGrpc.newBlockingStub(channel))
          .getModelStatus(GetModelStatusRequest.getDefaultInstance());
      for (String photo : photos) {
        PredictRequest request = request(Files.readAllBytes(Path.of(photo)));
        PredictResponse response =
            with(service, PredictionServiceGrpc.newBlockingStub(channel)).predict(request);
        System.out.println(photo + ": " + best(response));
      }
    } finally {
      channel.shutdownNow();
    }
  }

  /** The stub with the key and a deadline, which begins now. */
  private static <S extends AbstractStub<S>> S with(Service service, S stub) {
    return stub.withCallCredentials(service.key())
        .withDeadlineAfter(service.timeoutMillis(), TimeUnit.MILLISECONDS);
  }

  /** A request to score one photo, and to tell the labels. */
  private static PredictRequest request(byte[] photo) {
    TensorProto image =
        TensorProto.newBuilder()
            .setDtype(DataType.DT_STRING)
            .setTensorShape(
                TensorShapeProto.newBuilder().addDim(TensorShapeProto.Dim.newBuilder().setSize(1)))
            .addStringVal(ByteString.copyFrom(photo))
            .build();
    return PredictRequest.newBuilder()
        .putInputs("images", image)
        .addOutputFilter("output_alias")
        .addOutputFilter("labels")
        .build();
  }

  /** The best class, and its score. A model without labels has numbers. */
  private static String best(PredictResponse response) {
    FloatBuffer scores =
        response
            .getOutputsOrThrow("output_alias")
            .getTensorContent()
            .asReadOnlyByteBuffer()
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer();
    int winner = 0;
    for (int at = 1; at < scores.limit(); at++) {
      winner = scores.get(at) > scores.get(winner) ? at : winner;
    }
    List<ByteString> labels =
        response.getOutputsOrDefault("labels", TensorProto.getDefaultInstance()).getStringValList();
    String label = labels.isEmpty() ? "class " + winner : labels.get(winner).toStringUtf8();
    return String.format(Locale.ROOT, "%s (%.2f%%)", label, 100 * scores.get(winner));
  }

  /** The status code and its words: UNAVAILABLE also where the certificate is not trusted. */
  private static String explained(Status status) {
    Throwable cause = status.getCause();
    while (cause != null && cause.getCause() != null) {
      cause = cause.getCause();
    }
    String because = cause == null ? "" : " (" + cause.getMessage() + ")";
    return status.getCode() + ": " + status.getDescription() + because;
  }
}
