"""The demo: real orders through the real webhook, with customers and agents who answer, judged by the books."""
