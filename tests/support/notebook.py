"""A notebook's kernel, run for real: each argument is a cell, and what it prints is printed.

    python -m tests.support.notebook "import rom" "print(rom.session.commit())"

It needs jupyter_client and ipykernel, 6 or 7, and leaves its files in the current folder.
"""

from __future__ import annotations

import os
import sys
from typing import Any

TIMEOUT = 60


def run_cells(cells: list[str]) -> int:
    """Run cells one after the other; returns how many of them raised."""
    for name in ('JUPYTER_RUNTIME_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_CONFIG_DIR', 'IPYTHONDIR'):
        os.environ[name] = os.path.join(os.getcwd(), name.lower())
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name='python3', startup_timeout=TIMEOUT)
    try:
        return sum(
            client.execute_interactive(cell, output_hook=show, timeout=TIMEOUT)['content']['status']
            != 'ok'
            for cell in cells
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def show(message: dict[str, Any]) -> None:
    """Print what a cell prints, returns and raises."""
    content, kind = message['content'], message['msg_type']
    if kind == 'stream':
        print(content['text'], end='')
    elif kind == 'execute_result':
        print(content['data']['text/plain'])
    elif kind == 'error':
        print(content['ename'], content['evalue'])


if __name__ == '__main__':
    sys.exit(run_cells(sys.argv[1:]))
