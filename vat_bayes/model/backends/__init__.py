"""One module per probabilistic programming library; each is imported only when it is used."""
