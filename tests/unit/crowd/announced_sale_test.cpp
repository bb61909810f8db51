#include "perf/crowd/announced_sale.hpp"

#include <doctest/doctest.h>

namespace {

const crowd::PartitionId inventory{"onsale.inventory", 0}, other_inventory{"onsale.inventory", 1},
    line{"onsale.line", 0}, orders{"onsale.orders", 0};

crowd::Announcement entry(int64_t seq, const std::string& type = "seats.held") {
  return {"e:" + std::to_string(seq), type, "h1", R"({"event":"e","seats":["A-1-1"]})"};
}

constexpr int64_t epoch_two = int64_t{2} << 32;

}  // namespace

TEST_CASE("announced: a repeated announcement counts once") {
  crowd::AnnouncedSale sale{"e"};
  sale.take(entry(1), inventory);
  sale.take(entry(1), inventory);
  sale.take({"h1:order.confirmed", "order.confirmed", "h1", R"({"event":"e"})"}, orders);
  sale.take({"h1:order.confirmed", "order.confirmed", "h1", R"({"event":"e"})"}, orders);
  auto evidence = sale.evidence();
  CHECK(evidence.transitions.size() == 1);
  CHECK(evidence.announced["order.confirmed"].size() == 1);
  CHECK(evidence.repeated == 2);
  CHECK(evidence.out_of_order == 0);
}

TEST_CASE("announced: another sale's news is not ours, also when its name begins like ours") {
  crowd::AnnouncedSale sale{"e"};
  sale.take({"e2:1", "seats.held", "h", R"({"event":"e2","seats":["A-1-1"]})"}, inventory);
  sale.take({"h:order.confirmed", "order.confirmed", "h", R"({"event":"e2"})"}, orders);
  CHECK(sale.evidence().messages == 0);
}

TEST_CASE("announced: an entry lost in the middle or at the start of the log") {
  crowd::AnnouncedSale sale{"e"};
  sale.take(entry(2), inventory);
  sale.take(entry(5), inventory);
  CHECK(sale.evidence().seqs_missing == 3);
}

TEST_CASE("announced: topics share the log, so together they have no gap") {
  crowd::AnnouncedSale sale{"e"};
  sale.take(entry(2), other_inventory);
  sale.take(entry(3), inventory);
  sale.take(entry(1, "line.opened"), line);
  auto evidence = sale.evidence();
  CHECK(evidence.seqs_missing == 0);
  CHECK(evidence.out_of_order == 0);
  CHECK(evidence.transitions.front().seq == 1);
}

TEST_CASE("announced: a new epoch begins at one again and is no gap") {
  crowd::AnnouncedSale sale{"e"};
  sale.take(entry(1), inventory);
  sale.take(entry(epoch_two + 1), inventory);
  CHECK(sale.evidence().seqs_missing == 0);
}

TEST_CASE("announced: a seq that falls within a partition") {
  crowd::AnnouncedSale sale{"e"};
  sale.take(entry(2), inventory);
  sale.take(entry(1), inventory);
  CHECK(sale.evidence().out_of_order == 1);
}

TEST_CASE("announced: an id that is no number and a payload that is no JSON are passed over") {
  crowd::AnnouncedSale sale{"e"};
  sale.take({"e:1x", "seats.held", "h", "{}"}, inventory);
  sale.take({"e:1", "seats.held", "h", "not json"}, inventory);
  sale.take({"", "", "", ""}, orders);
  CHECK(sale.evidence().transitions.empty());
}
