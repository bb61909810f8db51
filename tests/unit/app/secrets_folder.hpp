// A folder with the secrets that a configuration may name: `token`, `keys`, `password`. Gone with the object.
#pragma once
#include <sys/stat.h>

#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/integration/fixtures/process.hpp"

class SecretsFolder {
 public:
  SecretsFolder() {
    write("token", "0123456789abcdef0123\n");
    write("keys", "7:" + std::string(64, 'a') + "\n");
    write("password", "p w\n");
  }
  void write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    std::ofstream{path(name)} << text;
    if (::chmod(path(name).c_str(), mode) != 0) throw std::runtime_error{"cannot write " + path(name)};
  }
  const std::string& path() const { return folder_.path(); }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

 private:
  fixtures::ScratchFolder folder_;
};
