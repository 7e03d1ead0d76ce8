#include "testing/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/check.h"
#include "net/descriptor.h"

namespace itemgate {

pid_t StartProgram(const std::vector<std::string>& command, int output) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  ITEMGATE_CHECK(child >= 0);
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that dies leaves nothing behind
  if (getppid() != parent) _exit(127);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

EndedProgram RunProgram(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  ITEMGATE_CHECK(pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t child = StartProgram(command, ends[1]);
  close(ends[1]);
  const Descriptor read_end(ends[0]);
  EndedProgram ended;
  std::array<char, 4096> buffer{};
  for (ssize_t size; (size = read(read_end.get(), buffer.data(), buffer.size())) != 0;) {
    if (size < 0 && errno != EINTR) break;
    if (size > 0) ended.output.append(buffer.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  waitpid(child, &status, 0);
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  while (ended.output.ends_with('\n')) ended.output.pop_back();
  return ended;
}

}  // namespace itemgate
