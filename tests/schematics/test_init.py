"""What the package exports, and what it says where its library is missing."""

import subprocess
import sys

import rom.schematics


def test_the_index() -> None:
    assert rom.schematics.__all__ == sorted(rom.schematics.__all__)
    assert rom.schematics.__all__ == [
        'BaseRedisMixin', 'FieldHashRedisMixin', 'FieldHashRedisModel', 'FieldRedisMixin',
        'FieldRedisModel', 'HashRedisMixin', 'HashRedisModel', 'IndexedRedisMixin',
        'IndexedRedisModel', 'MultipleFound', 'NotFound', 'ObjectHashRedisMixin',
        'ObjectHashRedisModel', 'ReferenceType', 'SimpleRedisMixin', 'SimpleRedisModel',
        'StrictPerformanceException', 'exceptions', 'transaction',
    ]  # fmt: skip
    for name in rom.schematics.__all__:
        assert getattr(rom.schematics, name)


def test_without_the_library_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['schematics'] = None; import rom.schematics"
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert "pip install 'rom-redis[schematics]'" in done.stderr.splitlines()[-1]


def test_rom_itself_does_not_load_it() -> None:
    program = "import sys, rom; sys.exit('schematics' in sys.modules)"
    assert subprocess.run([sys.executable, '-c', program]).returncode == 0
