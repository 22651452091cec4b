"""Picture files in and out, untrusted: the only package that opens a user's picture."""
