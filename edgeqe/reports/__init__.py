"""How results are written: text tables, JUnit XML, and a file that appears whole or not at all."""
