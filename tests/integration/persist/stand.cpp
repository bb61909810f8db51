#include "tests/integration/persist/stand.hpp"

namespace stand {

fixtures::PostgresServer& server() {
  static fixtures::PostgresServer one;
  return one;
}

}  // namespace stand
