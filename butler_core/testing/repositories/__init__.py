"""Suites of whole repositories: killed anywhere, without power, asleep, in races, at random, under load."""
