// What a descriptor leads to. A file lives for the whole run (the kernel owns it); it is closed when nobody holds it
// any more: neither a descriptor, nor a slot of a ring, nor a request in flight. That is why closing a descriptor while
// a receive is armed sends no FIN, here as in Linux. Ownership: see above. Thread: one.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace simulation {

// Told when the readiness of a file it watches may have changed.
class Watcher {
 public:
  virtual void file_changed() = 0;

 protected:
  ~Watcher() = default;
};

class File {
 public:
  File() = default;
  virtual ~File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual bool readable() const = 0;
  virtual bool writable() const { return false; }
  bool held() const { return holders_ > 0; }

  void watch(Watcher& watcher) { watchers_.push_back(&watcher); }
  void unwatch(Watcher& watcher) { std::erase(watchers_, &watcher); }
  void changed() {
    const auto told = watchers_;  // some watch no longer when they are told
    for (auto* watcher : told) watcher->file_changed();
  }

 private:
  friend class Hold;
  virtual void let_go() {}  // by the last who held it
  std::vector<Watcher*> watchers_;
  uint32_t holders_ = 0;
};

class Hold {
 public:
  Hold() = default;
  explicit Hold(File& file) : file_{&file} { ++file.holders_; }
  Hold(Hold&& other) noexcept : file_{std::exchange(other.file_, nullptr)} {}
  Hold& operator=(Hold&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~Hold() {
    if (file_ != nullptr && --file_->holders_ == 0) file_->let_go();
  }
  File* file() const { return file_; }

 private:
  File* file_ = nullptr;
};

}  // namespace simulation
