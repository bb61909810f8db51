#include "tests/simulation/kernel/kernel.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "tests/simulation/kernel/ring.hpp"

namespace simulation {
namespace {

Kernel* running_kernel = nullptr;
constexpr int first_ring = 1 << 24;
constexpr uint16_t first_free_port = 40'000;

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "simulation: %s\n", what.c_str());
  std::abort();
}

void Listener::let_go() {
  closed = true;
  for (auto* stream : waiting) stream->reset();
  waiting.clear();
}

Kernel::Kernel(uint64_t seed, const Weather& conditions) : chance{seed}, weather{conditions} {
  if (running_kernel != nullptr) fail("a second kernel");
  running_kernel = this;
}

Kernel::~Kernel() {
  rings_.clear();
  descriptors_.clear();
  running_kernel = nullptr;
}

Kernel& Kernel::current() {
  if (running_kernel == nullptr) fail("a call without a kernel");
  return *running_kernel;
}

bool Kernel::running() { return running_kernel != nullptr; }

// ---------------------------------------------------------------- descriptors

int Kernel::open(File& file) {
  std::size_t at = 0;
  while (at < descriptors_.size() && descriptors_[at].file() != nullptr) ++at;
  if (at >= weather.descriptors_max) return -EMFILE;
  if (at == descriptors_.size()) descriptors_.emplace_back();
  descriptors_[at] = Hold{file};
  return first_descriptor + static_cast<int>(at);
}

File* Kernel::file(int descriptor) const {
  const auto at = static_cast<std::size_t>(descriptor - first_descriptor);
  return owns(descriptor) && at < descriptors_.size() ? descriptors_[at].file() : nullptr;
}

int Kernel::close(int descriptor) {
  if (file(descriptor) == nullptr) fail("close of a descriptor that is not open: it may be somebody else's by now");
  const auto closed = std::exchange(descriptors_[static_cast<std::size_t>(descriptor - first_descriptor)], Hold{});
  return 0;
}

void Kernel::replace(int descriptor, File& file) {
  descriptors_[static_cast<std::size_t>(descriptor - first_descriptor)] = Hold{file};
}

std::size_t Kernel::open_descriptors() const {
  return static_cast<std::size_t>(
      std::count_if(descriptors_.begin(), descriptors_.end(), [](const Hold& hold) { return hold.file() != nullptr; }));
}

// ---------------------------------------------------------------- rings

Ring& Kernel::open_ring(uint32_t submission_entries, uint32_t completion_entries) {
  const auto descriptor = first_ring + rings_made_++;
  auto& ring = rings_[descriptor];
  ring = std::make_unique<Ring>(*this, descriptor, submission_entries, completion_entries);
  return *ring;
}

Ring& Kernel::ring(int descriptor) {
  const auto found = rings_.find(descriptor);
  if (found == rings_.end()) fail("a call for a ring that is not open");
  return *found->second;
}

void Kernel::close_ring(int descriptor) { rings_.erase(descriptor); }

// ---------------------------------------------------------------- connections

std::pair<Stream*, Stream*> Kernel::make_connection() {
  auto &inner = make<Stream>(*this), &outer = make<Stream>(*this);
  inner.number = ++streams_;
  outer.number = ++streams_;
  Stream::join(inner, outer);
  return {&inner, &outer};
}

int Kernel::listen(int descriptor) {
  auto* socket = file_as<Socket>(descriptor);
  if (socket == nullptr) return -EINVAL;
  auto& listener = make<Listener>();
  listener.port = socket->port != 0 ? socket->port : static_cast<uint16_t>(first_free_port + ports_given_++);
  listener.user_timeout_ms = socket->user_timeout_ms;
  listeners_[listener.port] = &listener;
  replace(descriptor, listener);
  return 0;
}

Stream* Kernel::connect_in(uint16_t port) {
  const auto found = listeners_.find(port);
  if (found == listeners_.end() || found->second->closed) return nullptr;
  const auto [inner, outer] = make_connection();
  auto& listener = *found->second;
  inner->set_user_timeout_ms(listener.user_timeout_ms);
  listener.waiting.push_back(inner);
  note("connect", inner->number);
  listener.changed();
  return outer;
}

void Kernel::listen_outside(uint16_t port, std::function<Reception(Stream&)> reception) {
  outside_[port] = std::move(reception);
}

Stream* Kernel::connect_out(uint16_t port) {
  if (!outside_.contains(port)) return nullptr;
  return make_connection().first;
}

Kernel::Reception Kernel::receive_outside(uint16_t port, Stream& inner) {
  auto* outer = inner.peer();
  return outside_.at(port)(*outer);
}

}  // namespace simulation
