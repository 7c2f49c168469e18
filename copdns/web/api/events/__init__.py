"""Operations on events, notices and the targets that get them."""
