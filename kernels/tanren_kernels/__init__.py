"""Training and inference kernels of Tanren: one program per verb, each run by `python -m tanren_kernels.<program>`."""
