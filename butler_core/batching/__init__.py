"""The methods of `butler_core.batching.helper.BatchHelper`, by what they collect."""
