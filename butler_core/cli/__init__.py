"""The command ``butler``: one module for each verb, imported when that verb is run."""
