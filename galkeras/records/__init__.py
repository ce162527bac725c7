"""TFRecord sets: schema, writer, integrity check, tf.data readers."""
