"""Operations: generators that yield requests and are sent replies. No module here does I/O."""
