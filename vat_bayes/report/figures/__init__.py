"""One figure a file; `style` is what they share."""
