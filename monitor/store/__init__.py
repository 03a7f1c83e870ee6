"""The store: samples, histograms and alerts in SQLite; SQL lives here only.

`writer` writes scrapes and what is made of them, `desk` what people write; `reader`, and what it is made of, read.
"""
