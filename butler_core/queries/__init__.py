"""What users ask: a query that is built step by step, and its results, which are fetched when they are iterated."""
