#include "perf/crowd/sale.hpp"

namespace crowd {

std::string_view name(Ending ending) {
  switch (ending) {
    case Ending::ordered:
      return "ordered";
    case Ending::sold_out:
      return "sold_out";
    case Ending::closed:
      return "closed";
    case Ending::left:
      return "left";
    case Ending::vanished:
      return "vanished";
    case Ending::unfinished:
      return "unfinished";
  }
  return "unfinished";
}

}  // namespace crowd
