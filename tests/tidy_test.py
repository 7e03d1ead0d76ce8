#!/usr/bin/env python3
"""Shows each check of tools/tidy failing on a planted violation, and a clean tree passing."""

import importlib.machinery
import importlib.util
import re
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).resolve().parent.parent / "tools" / "tidy"
loader = importlib.machinery.SourceFileLoader("tidy", str(TOOL))
tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
loader.exec_module(tidy)

CLEAN = {
    "tools/layers.txt": "# comment\nbase:\nkey: base\nstore/memory: base key\ntesting: base store/memory\n",
    "tools/third_party.txt": "openssl/: key\nfcntl.h: base\ngtest/: testing+h tests\n",
    "README.md": "# A title\n\ntext\n",
    "include/itemgate/item.h": "#pragma once\n\n#include <string>\n",
    "src/base/CMakeLists.txt": "itemgate_component(base SOURCES a.cc)\n",
    "src/base/a.h": "// what it is\n#pragma once\n\n#include \"itemgate/item.h\"\n",
    "src/base/a.cc": '#include "base/a.h"\n\n#include <fcntl.h>\n\nint A() { return 1; }\n',
    "src/key/CMakeLists.txt": "itemgate_component(key SOURCES k.cc\n  TESTS k_test.cc)\n",
    "src/key/k.cc": '#include <openssl/evp.h>\n\n#include "base/a.h"\n',
    "src/key/k_test.cc": '#include <gtest/gtest.h>\n\n#include "testing/fake.h"\n',
    "src/testing/fake.h": "#pragma once\n#include <gtest/gtest.h>\n",
    "apps/itemgate/CMakeLists.txt": "add_executable(itemgate main.cc)\n",
    "apps/itemgate/main.cc": "int main() { return 0; }\n",
}

# Rules that look at one line of code: rule, the line, and a line much like it that is allowed.
LINES = [
    ("clock", "auto t = std::chrono::steady_clock::now();", "auto t = clock_.Now();"),
    ("clock", "auto t = std::chrono::system_clock::now ();", "// std::chrono::system_clock::now() is banned"),
    ("clock", "long t = time(nullptr);", "long t = item.time();"),
    ("clock", "::clock_gettime(CLOCK_REALTIME, &t);", 'Say("clock_gettime(2)");'),
    ("clock", "gettimeofday(&t, nullptr);", "int gettimeofday_count = 0;"),
    ("sleep", "std::this_thread::sleep_for(1s);", "executor.PostAfter(1s, task);"),
    ("sleep", "std::this_thread::sleep_until(then);", "Sleep();"),
    ("sleep", "usleep(5);", "int usleep_count = 0;"),
    ("sleep", "sleep(5);", "fake.sleep(5);"),
    ("random", "std::random_device device;", "Random random(seed);"),
    ("random", "std::mt19937_64 twister(1);", "int twister = 19937;"),
    ("random", "int r = rand();", "int r = operand();"),
    ("environment", 'auto* home = std::getenv("HOME");', "auto home = options.home;"),
    ("mutex", "std::mutex m;", "Mutex m;"),
    ("mutex", "std::condition_variable c;", "ConditionVariable c;"),
    ("catch-all", "void F() { try { G(); } catch (...) { } }", "void F() { try { G(); } catch (const E& e) { } }"),
    ("detach", "thread.detach();", "thread.join();"),
    ("using-namespace", "using namespace std;", "using namespace std::chrono_literals;"),
    ("new", "auto* p = new Thing(1);", "auto p = std::unique_ptr<Thing>(new Thing(1));"),
    ("new", "Thing* Make() { return new Thing; }", "static Thing& thing = *new Thing;"),
    ("new", "auto* p = new Thing(1);  // mine", "auto* p = new Thing(1);  // NOLINT(cppcoreguidelines-owning-memory)"),
    ("delete", "void F() { delete p; }", "Thing(const Thing&) = delete;"),
    ("delete", "void F() { delete[] p; }", "void operator delete(void* p);"),
    ("unfinished", "// FIX" "ME: later", "// fixed"),
    ("unfinished", "// XX" "X", "// XXXII"),
    ("todo", "// TODO: later", "// TODO(12): Do this when that is there."),
    ("todo", "// TODO(ann): later", "int to_do = 1;"),
    ("disabled-test", "TEST(Thing, DISABLED" "_Works) {}", "TEST(Thing, Works) {}"),
    ("disabled-test", "void F() { GTEST_" "SKIP(); }", "void F() { Skip(); }"),
    ("line-length", "//" + "x" * 119, "//" + "x" * 118),
    ("machine-path", 'Open("/wo' 'rk/data");', 'Open("build/work/data");'),
    ("machine-path", "// see /ho" "me/ann/notes", "// see ../home/notes"),
]


def function(lines):
    return "int F(int a) {\n" + "  ++a;\n" * (lines - 2) + "}\n"


# Rules that look at more: rule, where it must be reported, files that differ from the clean tree.
TREES = [
    ("layers", "src/base/a.cc:2", {"src/base/a.cc": '#include "base/a.h"\n#include "key/k.h"\n'}),
    ("layers", "src/key/k.cc:1", {"src/key/k.cc": '#include "testing/fake.h"\n'}),
    ("layers", "src/base/a_test.cc:1", {"src/base/a_test.cc": '#include "key/k.h"\n'}),
    ("layers", "src/key/k.cc:1", {"src/key/k.cc": '#include "k.h"\n', "src/key/k.h": "#pragma once\n"}),
    ("layers", "src/other/o.h:1", {"src/other/o.h": "#pragma once\n"}),
    ("layers", "tools/layers.txt:1", {"tools/layers.txt": "base: key\nkey:\ntesting:\n"}),
    ("layers", "include/itemgate/item.h:2", {"include/itemgate/item.h": '#pragma once\n#include "base/a.h"\n'}),
    ("layers", "apps/itemgate/main.cc:1", {"apps/itemgate/main.cc": '#include "key/k.h"\n'}),
    ("third-party", "include/itemgate/item.h:2",
     {"include/itemgate/item.h": "#pragma once\n#include <openssl/evp.h>\n"}),
    ("third-party", "src/base/a.cc:2", {"src/base/a.cc": '#include "base/a.h"\n#include <openssl/evp.h>\n'}),
    ("third-party", "src/base/a.cc:2", {"src/base/a.cc": '#include "base/a.h"\n#include <gtest/gtest.h>\n'}),
    ("third-party", "src/base/a.h:2", {"src/base/a.h": "#pragma once\n#include <fcntl.h>\n"}),
    ("third-party", "src/base/a.cc:1", {"src/base/a.cc": "#include <unknown/thing.h>\n"}),
    ("file-length", "src/base/a.h:250", {"src/base/a.h": "#pragma once\n" + "\n" * 250}),
    ("file-length", "src/base/a.cc:600", {"src/base/a.cc": "\n" * 601}),
    ("file-length", "apps/itemgate/main.cc:60", {"apps/itemgate/main.cc": "\n" * 61}),
    ("file-length", "tools/script.py:400", {"tools/script.py": "\n" * 401}),
    ("file-length", "tools/script:400", {"tools/script": "#!/usr/bin/env bash\n" + "\n" * 401}),
    ("line-length", "tools/script.sh:1", {"tools/script.sh": "# " + "x" * 119 + "\n"}),
    ("function-length", "src/base/a.cc:1", {"src/base/a.cc": function(71)}),
    ("function-length", "src/base/a.cc:3",
     {"src/base/a.cc": "namespace n {\nclass A : public B {\n" + function(71) + "};\n}\n"}),
    ("function-length", "src/base/a.cc:2",
     {"src/base/a.cc": "template <typename T>\nA<T>::A(int a) : a_(a), b_(2) {\n" + "f();\n" * 70 + "}\n"}),
    ("pragma-once", "src/base/a.h:1", {"src/base/a.h": "#ifndef A\n#define A\n#endif\n"}),
    ("guarded-by", "src/base/a.cc:2", {"src/base/a.cc": "class A {\n  Mutex mutex_;\n  int count_;\n};\n"}),
    ("guarded-by", "src/base/a.cc:5",
     {"src/base/a.cc": "class A {\n  Mutex m_;\n  int n_ GUARDED_BY(m_);\n};\nclass B { mutable SharedMutex m_; };\n"}),
    ("drawer", "src/key/util/u.h:1", {"src/key/util/u.h": "#pragma once\n"}),
    ("dead-file", "src/base/b.cc:1", {"src/base/b.cc": "int b;\n"}),
    ("dead-file", "src/base/c.cc:1",
     {"src/base/c.cc": "int c;\n", "src/base/CMakeLists.txt": "# c.cc\nitemgate_component(base SOURCES a.cc ac.cc)\n"}),
    ("dead-file", "src/base/b.h:1", {"src/base/b.h": "#pragma once\n"}),
    ("title", "docs/page.md:1", {"docs/page.md": "text\n\n# Too late\n"}),
]

ALLOWED = {
    "a function of the greatest length": {"src/base/a.cc": function(70)},
    "a long class of short functions": {"src/base/a.cc": "class A {\n" + "  int f() { return 1; }\n" * 90 + "};\n"},
    "a long table": {"src/base/a.cc": "constexpr int kTable[] = {\n" + "  1,\n" * 90 + "};\n"},
    "braces in strings": {"src/base/a.cc": 'auto a = R"(\n{{{\n)";\nchar b = \'{\';\nint F() { return 1\'000; }\n'},
    "the clock's own room": {"src/base/clock.cc": "auto t = std::chrono::steady_clock::now();\n",
                             "src/base/CMakeLists.txt": "itemgate_component(base SOURCES a.cc clock.cc)\n"},
    "a file that another folder builds": {
        "src/testing/fake.cc": "int f;\n",
        "src/key/CMakeLists.txt": "itemgate_component(key SOURCES k.cc\n  TESTS k_test.cc ../testing/fake.cc)\n"},
    "a test that uses what the fakes stand on": {
        "src/key/k_test.cc": '#include "store/memory/m.h"\n#include "testing/fake.h"\n',
        "src/store/memory/m.h": "#pragma once\n"},
    "a mutex with annotations": {"src/base/a.cc": "class A {\n  Mutex m_;\n  int n_ GUARDED_BY(m_);\n};\n"},
    "a mutex of something else": {"src/base/a.cc": "struct A {\n  Mutex m;  // guards buckets i, i + 64, ...\n};\n"},
    "a local mutex": {"src/base/a.cc": "void F() {\n  Mutex m;\n}\n"},
    "a title after an empty line": {"docs/page.md": "\n# Title\n"},
}


class TidyTest(unittest.TestCase):
    def problems(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for path, text in (CLEAN | changes).items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            return [(problem.rule, f"{problem.path}:{problem.line}") for problem in tidy.Tidy(root).run()]

    def test_a_clean_tree_passes(self):
        self.assertEqual(self.problems({}), [])

    def test_each_banned_line_is_found_and_its_neighbour_is_not(self):
        start = '#include "base/a.h"\n'
        for rule, banned, allowed in LINES:
            with self.subTest(rule=rule, line=banned):
                self.assertEqual(self.problems({"src/base/a.cc": start + banned + "\n"}), [(rule, "src/base/a.cc:2")])
                self.assertEqual(self.problems({"src/base/a.cc": start + allowed + "\n"}), [])

    def test_each_planted_violation_is_found(self):
        for rule, place, changes in TREES:
            with self.subTest(rule=rule, place=place):
                self.assertIn((rule, place), self.problems(changes))

    def test_what_only_looks_like_a_violation_passes(self):
        start = {"src/key/k.cc": '#include "base/a.h"\n'}
        for what, changes in ALLOWED.items():
            with self.subTest(what):
                self.assertEqual(self.problems(start | changes), [])

    def test_a_missing_table_is_found(self):
        self.assertIn(("layers", "tools/layers.txt:2"), self.problems({"tools/layers.txt": "base:\nkey: gone\n"}))

    def test_every_rule_has_a_planted_violation(self):
        planted = {rule for rule, *_ in LINES} | {rule for rule, *_ in TREES}
        rules = {ban.rule for ban in tidy.BANS} | set(re.findall(r'report\([^"]*"([a-z-]+)",', TOOL.read_text()))
        self.assertEqual(rules, planted)


if __name__ == "__main__":
    unittest.main()
