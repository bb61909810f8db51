// The records live in seat/ now (the desk reads them too); this keeps app's names. (lead)
#pragma once
#include "seat/redis_records.hpp"

namespace app {
using seat::HoldRecord;
using seat::parse_seats;
using seat::PaymentRecord;
using seat::seats_text;
using seat::UserRecord;
}  // namespace app
