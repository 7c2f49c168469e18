"""Operations on time: schedules, limits, pauses, grants and tickets."""
