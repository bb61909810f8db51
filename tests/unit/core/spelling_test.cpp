#include "core/spelling.hpp"

#include <doctest/doctest.h>

TEST_CASE("a likely spelling is near, or there is none") {
  const std::vector<std::string_view> keys = {"port", "address", "workers", "admin_token_file"};
  CHECK(core::likely_spelling("prot", keys) == "port");
  CHECK(core::likely_spelling("adress", keys) == "address");
  CHECK(core::likely_spelling("Port", keys) == "port");
  CHECK(core::likely_spelling("wrokers", keys) == "workers");
  CHECK(core::likely_spelling("admin-token-file", keys) == "admin_token_file");
  CHECK_FALSE(core::likely_spelling("xyz", keys).has_value());
  CHECK_FALSE(core::likely_spelling("completely", keys).has_value());
  CHECK_FALSE(core::likely_spelling("port", {}).has_value());
}
