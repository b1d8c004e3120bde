"""Where jobs are computed: one small interface, one module for each place."""
