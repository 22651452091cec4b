"""Picture files in and out, untrusted: the only room that opens a user's picture."""
