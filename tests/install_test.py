#!/usr/bin/env python3
"""What is installed suffices for another project: find_package, compile, link and run the example of a lock."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from redis_servers import Redis

BUILD = os.environ["ITEMGATE_BUILD"]
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "redlock.cc"
PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 23)
find_package(itemgate 0.1 REQUIRED COMPONENTS redlock)
add_executable(user redlock.cc)
target_link_libraries(user PRIVATE itemgate::redlock)
"""


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="itemgate-install-")))
        self.cmake("--install", BUILD, "--prefix", self.folder / "prefix", "--component", "redlock")

    def cmake(self, *arguments):
        ended = subprocess.run(["cmake", *map(str, arguments)], capture_output=True, text=True, timeout=200,
                               check=False)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)

    def test_another_project_uses_the_lock(self):
        source = self.folder / "source"
        source.mkdir()
        (source / "CMakeLists.txt").write_text(PROJECT)
        (source / "redlock.cc").write_bytes(EXAMPLE.read_bytes())
        build = self.folder / "build"
        self.cmake("-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.folder / 'prefix'}")
        self.cmake("--build", build)
        servers = [self.enterContext(Redis()) for _ in range(3)]
        said = subprocess.run([build / "user", "report", *(server.address for server in servers)], check=True,
                              capture_output=True, text=True, timeout=60).stdout
        self.assertRegex(said, r"^Acquired \(Acquired: [23], Conflicted: 0, Error: 0\)\nstep 0\nstep 1\nstep 2\n"
                               r"released on [23] servers\n$")

    def test_headers_are_the_public_ones(self):
        headers = {path.name for path in (self.folder / "prefix" / "include").rglob("*.h")}
        self.assertEqual(headers, {"error.h", "redlock.h"})


if __name__ == "__main__":
    unittest.main()
