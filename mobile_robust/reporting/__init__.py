"""Tables, texts, plots, pages and progress bars for convert, parity, evaluate and bench."""
