"""Small real applications. See README.rst."""
