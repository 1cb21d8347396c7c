"""Attributes that are computed when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_T = TypeVar("_T")


class lazy_property(Generic[_T]):  # reads as what it is above a method
    """An attribute that is computed when it is first asked for, and kept in the instance's ``__dict__``.

    Two threads may compute it at a time, and the first result is kept: what it computes must be harmless to do twice.
    It takes no lock, unlike `functools.cached_property` of Python 3.11, which holds one for all instances of a class
    while it computes: a child that is forked meanwhile would wait for it for ever.
    """

    def __init__(self, func: Callable[[Any], _T]) -> None:
        self.func = func
        self.__doc__ = func.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None) -> _T: ...

    def __get__(self, instance: object | None, owner: type | None = None) -> Self | _T:
        if instance is None:
            return self
        value: _T = instance.__dict__.setdefault(self._name, self.func(instance))
        return value
