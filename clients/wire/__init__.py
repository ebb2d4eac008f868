"""The formats that both sides of the wire share: TensorFlow Serving's messages, the model package."""
