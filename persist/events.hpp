// The rows of events: definition, state and epoch, each changed by compare-and-set, so that any number of nodes may try
// and one wins. A change of state or epoch waits for the batches of the writers that run, and comes before later ones.
// Ownership: borrows a connection. Thread: that of the connection; calls block.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/event.hpp"
#include "persist/postgres.hpp"

namespace persist {

struct EventRow {
  std::string id;
  std::string definition;  // JSON, as PUT by the operator (members in another order)
  core::EventState state = core::EventState::draft;
  int64_t epoch = 0;
  int64_t version = 0;  // grows with each change of the three above
  int64_t head = 0;     // largest arrival number let in, as last stored
};

struct KnownEvent {
  std::string_view id;
  int64_t version = 0;
};

// Results: `value` false means that somebody was faster and nothing was changed. Errors: unavailable (nothing was
// changed), closed (the connection was lost, the change may have happened), protocol (PostgreSQL refuses the data).
class Events {
 public:
  explicit Events(Postgres& postgres) : postgres_{postgres} {}

  // Rows that are not among `known` or have another version; all rows when `known` is empty. Sorted by id.
  core::Result<std::vector<EventRow>> load(std::span<const KnownEvent> known = {});
  core::Result<std::optional<EventRow>> find(std::string_view event);

  core::Result<bool> insert(std::string_view event, std::string_view definition);  // a draft of epoch 1
  core::Result<bool> update(std::string_view event, int64_t version, std::string_view definition);
  core::Result<bool> change_state(std::string_view event, core::EventState from, core::EventState to);
  // draft -> warmed, unless the definition is not the one of `version` any more.
  core::Result<bool> warm(std::string_view event, int64_t version);
  core::Result<bool> raise_epoch(std::string_view event, int64_t from);  // to `from` + 1

  // The head never goes back.
  core::Error store_head(std::string_view event, int64_t head);

  // One session in the cluster at a time; goes away with the connection. Taken twice it must be given back twice.
  core::Result<bool> try_lock_rebuild(std::string_view event);
  core::Error unlock_rebuild(std::string_view event);

 private:
  core::Result<bool> changed(std::string_view statement, const Parameters& parameters);
  core::Result<std::vector<EventRow>> rows(std::string_view statement, const Parameters& parameters);
  Postgres& postgres_;
};

// What a failed statement is to a caller: see Events.
core::Error error_of(Sql outcome);

}  // namespace persist
