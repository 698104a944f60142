"""The harness with its input and output: tables, journals, locks; the work is the workshop's."""
