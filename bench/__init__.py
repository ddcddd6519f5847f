"""Side-by-side measurements; every figure in the documentation comes from here."""
