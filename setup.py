"""The one thing pyproject.toml cannot say: the folder lua/ ships inside the package, as rom/lua."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=['rom', 'rom.*']), 'rom.lua'],
    package_dir={'rom': 'rom', 'rom.lua': 'lua'},
    package_data={'rom': ['py.typed'], 'rom.lua': ['*.lua', 'lib/*.lua']},
)
