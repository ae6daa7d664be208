"""The same simulated ratings analysed by this project and by its peers, side by side."""
