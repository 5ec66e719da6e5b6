"""Training and inference kernels of Tanren: one program per verb, `python -m tanren_kernels.<program>`."""
