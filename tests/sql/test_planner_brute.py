from __future__ import annotations


def test_find(world):
    for cs in (("r1",), ("outer",), ("r1", "tag"), ("tag", "r1"), ("inner",), ("nothing",), ()):
        for ff in (True, False):
            got = world.find("calexp", cs, find_first=ff)
            want = world.search("calexp", cs, find_first=ff)
            assert len(got) == len(want)
            assert set(got) == set(want)
