"""The operations: generators that yield requests and are sent replies. No file here does I/O."""
