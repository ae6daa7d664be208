"""How the embedded judge is made: grammar -> teacher -> batches -> network -> GGUF -> truth -> card."""
