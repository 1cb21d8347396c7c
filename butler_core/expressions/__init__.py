"""The ``where`` language and the expression tree that it stands for; nothing here knows SQL."""
