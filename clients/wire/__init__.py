"""What both sides of the wire must agree on: TensorFlow Serving's messages, the model package's format."""
