#include "core/error.hpp"

namespace core {

std::string_view name(Error error) {
  switch (error) {
    case Error::none:
      return "none";
    case Error::closed:
      return "closed";
    case Error::timeout:
      return "timeout";
    case Error::overload:
      return "overload";
    case Error::protocol:
      return "protocol";
    case Error::unavailable:
      return "unavailable";
  }
  return "unknown";
}

}  // namespace core
