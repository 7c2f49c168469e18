"""Operations on the household: local names, lists, the log, checks and accounts."""
