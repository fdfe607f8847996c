"""Links to rows that do not exist: what a check reports of them, and its remedy."""

import pytest
import redis

import rom
import rom.maintenance

pytestmark = pytest.mark.one_server


class LeftTag(rom.Model):
    name = rom.Text()


class LeftPost(rom.Model):
    tags = rom.ManyToMany('LeftTag')
    see_also = rom.ManyToMany('LeftPost')


def fill() -> None:
    tags = [LeftTag(name=name) for name in 'abc']
    posts = [LeftPost(tags=tags[: n % 4]) for n in range(6)]
    posts[0].see_also.add(posts[5])
    posts[5].see_also.add(posts[0], posts[5])
    rom.session.commit()
    rom.session.rollback()


def test_links_to_a_row_that_does_not_exist(on_client: None, raw: redis.Redis) -> None:
    fill()
    raw.delete('LeftTag:2')
    raw.delete('LeftPost:5', 'LeftPost:6')  # the row of a post, and one with links to itself
    for repair in (True, False):
        found = {one.key: one for one in rom.maintenance.check(LeftPost, repair=repair)}
        finding = found['LeftPost:tags:2:idx']
        assert (finding.kind, finding.id, finding.repaired) == ('unlinked', None, False)
        assert 'links to LeftTag:2, which does not exist; write that row, or' in finding.message
        assert found['LeftPost:see_also:6:idx'].kind == 'unlinked'
    assert len(found) == 2
    remedy = finding.message.partition(' row, or ')[2]
    assert eval(remedy) == 2  # of the posts 1, 2, 3 and 4, the last two had that tag
    assert LeftPost.query.filter(see_also=6).update(see_also=LeftPost.see_also.remove(6)) == 1
    assert list(rom.maintenance.check(LeftPost)) == []
