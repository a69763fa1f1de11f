# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What a run has measured, for readers: Markdown, a page with plots, and README's table.

The figures go one way: a run and the goals become sections (`sections`) of text, tables
and plots, which `markdown` and `page` write. Each figure of the run is in a table, also
those of benchmarks that nothing here knows.
"""
