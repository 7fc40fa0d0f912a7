"""Pure functions: schedules, samplers, guidance, colour spaces, distances."""
