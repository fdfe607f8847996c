"""Without pydantic: rom is the same, and says what to install when it is asked for types."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(program: str) -> str:
    done = subprocess.run([sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rom_does_not_import_it() -> None:
    program = """
import sys
import rom, rom.aio
class User(rom.Model):
    name = rom.Text()
User(name='x')
print(sorted(name for name in sys.modules if 'pydantic' in name))
"""
    assert run(program) == '[]\n'


def test_the_error_names_the_extra() -> None:
    program = """
import sys
sys.modules['pydantic'] = None
import rom
class User(rom.Model):
    name = rom.Text()
for again in range(2):
    try:
        User.pydantic()
    except ModuleNotFoundError as error:
        print(error)
User(name='x')
"""
    said = "models as pydantic types need the library pydantic: pip install 'rom-redis[pydantic]'\n"
    assert run(program) == said * 2
