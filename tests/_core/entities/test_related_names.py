"""`related_name`: the reverse that one model gives to another, in any order of definition."""

import pytest

import rom
from rom.exceptions import ColumnError

pytestmark = pytest.mark.one_server


def test_either_model_may_be_defined_first(on_client: None) -> None:
    class RnFirst(rom.Model):
        seconds = rom.ManyToMany('RnSecond', related_name='firsts')

    class RnSecond(rom.Model):
        thirds = rom.ManyToMany(RnFirst, related_name='seconds_again')

    first, second = RnFirst(), RnSecond()
    first.seconds.add(second)
    second.firsts.add(first)
    second.thirds.add(first)
    rom.session.commit()
    assert list(second.firsts) == [first]
    assert list(first.seconds_again) == [second]
    assert RnFirst._schema.loadable == ('seconds', 'seconds_again')


def test_a_model_of_its_own_and_a_namespace(on_client: None) -> None:
    class RnPerson(rom.Model):
        _namespace = 'people'
        follows = rom.ManyToMany('people', related_name='followers')

    ann, bob = RnPerson(), RnPerson()
    ann.follows.add(bob)
    rom.session.commit()
    assert list(bob.followers) == [ann]
    assert list(ann.followers) == []


def test_a_name_that_is_taken() -> None:
    class RnTag(rom.Model):
        posts = rom.Text()

    for name in ('posts', 'save', '_schema', 'query'):
        with pytest.raises(
            ColumnError, match=f"RnPost.tags: RnTag has an attribute '{name}'; choose"
        ):

            class RnPost(rom.Model):
                tags = rom.ManyToMany('RnTag', related_name=name)

    class RnBoth(rom.Model):
        tags = rom.ManyToMany('RnTag', related_name='both')

    with pytest.raises(ColumnError, match=r"RnTwice.more: RnTag has an attribute 'twice'"):

        class RnTwice(rom.Model):
            tags = rom.ManyToMany('RnTag', related_name='twice')
            more = rom.ManyToMany('RnTag', related_name='twice')

    assert 'RnTwice' not in rom.MODELS
    assert not hasattr(RnTag, 'twice')


def test_a_subclass_inherits_the_column_and_not_the_reverse(on_client: None) -> None:
    class RnTag(rom.Model):
        pass

    class RnPost(rom.Model):
        tags = rom.ManyToMany('RnTag', related_name='posts')

    class RnSpecial(RnPost):
        pass

    tag = RnTag()
    special = RnSpecial(tags=[tag])
    rom.session.commit()
    assert list(tag.posts) == []
    assert RnSpecial.query.filter(tags=tag).all() == [special]
    tag.delete()
    assert special.tags.ids == []
