// What the kernel may refuse: descriptors, and io_uring itself.
#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

#include "tests/integration/net/http_client.hpp"

namespace {

core::Async hello(void*, net::Exchange& x) {
  x.respond(net::Status::ok, "{}");
  return core::Async::finished();
}

// The calling thread's io_uring_setup fails with `error` from now on.
void forbid_io_uring(uint32_t error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{sizeof program / sizeof program[0], program};
  REQUIRE(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  REQUIRE(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

std::string problem_of_open(uint32_t error) {
  std::string problem;
  std::thread{[&] {
    forbid_io_uring(error);
    net::Loop loop;
    problem = loop.open().problem;
  }}.join();
  return problem;
}

}  // namespace

TEST_CASE("a kernel that forbids io_uring is explained with the setting that allows it") {
  CHECK(problem_of_open(EPERM).find("kernel.io_uring_disabled") != std::string::npos);
  CHECK(problem_of_open(EPERM).find("seccomp") != std::string::npos);
  CHECK(problem_of_open(ENOSYS).find("seccomp") != std::string::npos);
  CHECK(problem_of_open(ENOMEM).find("LimitMEMLOCK") != std::string::npos);
  CHECK(problem_of_open(EMFILE).find("LimitNOFILE") != std::string::npos);
}

TEST_CASE("a port that is taken and an address that is none are named") {
  net::Loop loop;
  REQUIRE(loop.open());
  net::Router router{{}};
  net::Server server{loop, {.address = "not-an-address"}, router};
  CHECK(server.listen().problem.find("not-an-address") != std::string::npos);
}

TEST_CASE("out of descriptors the server pauses accepting and goes on when there are some again") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  auto client = ::socket(AF_INET, SOCK_STREAM, 0);
  auto limited = before;  // the kernel notes the limit when the accept is armed, so it is set before
  limited.rlim_cur = static_cast<rlim_t>(client) + 16;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limited) == 0);
  net_test::Running running{{.connections_max = 8}, {{"GET", "/hello", &hello, nullptr}}};
  std::vector<int> taken;
  for (auto fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken.push_back(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(running.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(net_test::eventually([&] { return running.server().metrics().shed.value() >= 2; }));
  CHECK(running.server().metrics().shed.value() < 100);
  for (auto fd : taken) ::close(fd);
  constexpr std::string_view request = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(::send(client, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  char answer[512];
  CHECK(::recv(client, answer, sizeof answer, 0) > 0);
  ::close(client);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}
