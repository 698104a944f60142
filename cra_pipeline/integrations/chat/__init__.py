"""Chat templates and tokenizers, as model servers apply them."""
