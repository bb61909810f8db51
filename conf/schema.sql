-- The record. PostgreSQL has the last word on who owns a seat and on what became of a payment.
-- `onsaled --migrate` runs this file in one transaction; running it again changes nothing.
-- Hot tables carry no foreign keys: event rows are never deleted, and a key check a row is a third of an insert.

CREATE TABLE IF NOT EXISTS schema_version (
  version    integer PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS events (
  id         text COLLATE "C" PRIMARY KEY,
  definition jsonb NOT NULL,
  state      text NOT NULL DEFAULT 'draft'
             CHECK (state IN ('draft', 'warmed', 'lobby', 'open', 'paused', 'frozen', 'closed')),
  epoch      bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
  version    bigint NOT NULL DEFAULT 1,          -- grows with each change of definition, state or epoch
  created_at timestamptz NOT NULL DEFAULT now(),
  changed_at timestamptz NOT NULL DEFAULT now()
);

-- The largest arrival number let in. Apart from events, because it is written every second while batches hold the
-- event's row FOR SHARE: each would wait for the other.
CREATE TABLE IF NOT EXISTS event_heads (
  event text COLLATE "C" PRIMARY KEY,
  head  bigint NOT NULL
);

-- Every decided order, one row for good. An order has the id of its hold.
CREATE TABLE IF NOT EXISTS orders (
  id              text COLLATE "C" PRIMARY KEY,
  event           text COLLATE "C" NOT NULL,
  user_id         text NOT NULL,
  state           text NOT NULL CHECK (state IN ('confirmed', 'rejected', 'cancelled')),
  reason          text NOT NULL DEFAULT '',      -- why it was rejected: seat_taken, already_paid, lost_by_redis
  refund_required boolean NOT NULL DEFAULT false,
  seats           text[] NOT NULL,
  amount          bigint NOT NULL CHECK (amount >= 0),
  currency        text NOT NULL,
  reference       text COLLATE "C" NOT NULL CHECK (reference <> ''),
  epoch           bigint NOT NULL,               -- in which Redis decided it
  version         bigint NOT NULL DEFAULT 1,     -- for changes after the decision
  decided_at      timestamptz NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS orders_by_event ON orders (event);

-- The seats of confirmed orders, and of no others: this key is the last arbiter.
CREATE TABLE IF NOT EXISTS order_seats (
  event    text COLLATE "C" NOT NULL,
  seat     text COLLATE "C" NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (event, seat)
);

-- Every reported payment with what it led to: an order or a refund.
CREATE TABLE IF NOT EXISTS payments (
  event           text COLLATE "C" NOT NULL,
  reference       text COLLATE "C" NOT NULL CHECK (reference <> ''),  -- the provider's
  decision        text NOT NULL CHECK (decision IN
                  ('order', 'hold_expired', 'stale_fence', 'already_paid', 'amount_mismatch', 'order_rejected')),
  order_id        text COLLATE "C" NOT NULL,     -- the hold that was to be paid
  user_id         text NOT NULL,
  amount          bigint NOT NULL,
  currency        text NOT NULL,
  refund_required boolean NOT NULL DEFAULT false,
  refund_id       text COLLATE "C",              -- ce_id of the refund's announcement; null exactly without a refund
  decided_at      timestamptz NOT NULL,
  recorded_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event, reference)
);
CREATE UNIQUE INDEX IF NOT EXISTS payments_by_refund ON payments (refund_id) WHERE refund_id IS NOT NULL;

-- What has to be announced about orders and payments; deleted once Kafka has it. The content is read from orders and
-- payments at that moment, so a row is three short strings.
CREATE TABLE IF NOT EXISTS outbox (
  ce_id     text COLLATE "C" PRIMARY KEY,
  type      text NOT NULL,
  order_id  text COLLATE "C" NOT NULL,
  event     text COLLATE "C" NOT NULL,
  reference text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, fillfactor = 90);

-- What could not be processed and needs a person: unacceptable rows, messages Kafka refuses for good.
CREATE TABLE IF NOT EXISTS dead_letters (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind      text NOT NULL,                       -- order, refusal, announcement
  key       text NOT NULL,                       -- order id, payment reference, ce_id
  event     text NOT NULL,
  payload   jsonb NOT NULL,
  error     text NOT NULL,
  attempts  bigint NOT NULL DEFAULT 1,
  first_at  timestamptz NOT NULL DEFAULT now(),
  last_at   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (kind, event, key)
);

-- Batches of an event exclude changes of its epoch and state, fairly: a row lock alone would not be fair, since new
-- sharers overtake a waiting UPDATE for as long as batches overlap. The key is one of a namespace of ours.
CREATE OR REPLACE FUNCTION onsale_event_lock(p_event text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT hashtextextended(p_event, 7301) $$;

-- True when batches of this epoch may be recorded; keeps the epoch where it is until the transaction ends.
CREATE OR REPLACE FUNCTION onsale_epoch_holds(p_event text, p_epoch bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  v_epoch bigint;
BEGIN
  SELECT e.epoch INTO v_epoch FROM events e WHERE e.id = p_event FOR SHARE;
  RETURN FOUND AND v_epoch = p_epoch;
END $$;

-- The usual case: every order of the batch is new and gets everything it wants. Anything else is a unique violation,
-- which undoes all of it; the caller then asks onsale_record_orders_with_care. Rows are written in key order, so
-- batches cannot deadlock. Returns false for another epoch: nothing was written.
CREATE OR REPLACE FUNCTION onsale_record_orders(
  p_event text, p_epoch bigint, p_orders text[], p_users text[], p_seats text[], p_amounts bigint[],
  p_currencies text[], p_references text[], p_decided_at_ms bigint[]) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(onsale_event_lock(p_event));
  IF NOT onsale_epoch_holds(p_event, p_epoch) THEN
    RETURN false;
  END IF;
  INSERT INTO orders (id, event, user_id, state, seats, amount, currency, reference, epoch, decided_at)
    SELECT o.id, p_event, o.user_id, 'confirmed', string_to_array(o.seats, ','), o.amount, o.currency, o.reference,
           p_epoch, to_timestamp(o.decided_at_ms / 1000.0)
    FROM unnest(p_orders, p_users, p_seats, p_amounts, p_currencies, p_references, p_decided_at_ms)
      AS o (id, user_id, seats, amount, currency, reference, decided_at_ms)
    ORDER BY o.id COLLATE "C";
  INSERT INTO payments (event, reference, decision, order_id, user_id, amount, currency, decided_at)
    SELECT p_event, o.reference, 'order', o.id, o.user_id, o.amount, o.currency,
           to_timestamp(o.decided_at_ms / 1000.0)
    FROM unnest(p_references, p_orders, p_users, p_amounts, p_currencies, p_decided_at_ms)
      AS o (reference, id, user_id, amount, currency, decided_at_ms)
    ORDER BY o.reference COLLATE "C";
  INSERT INTO order_seats (event, seat, order_id)
    SELECT p_event, s.seat, o.id
    FROM unnest(p_orders, p_seats) AS o (id, seats), unnest(string_to_array(o.seats, ',')) AS s (seat)
    ORDER BY s.seat COLLATE "C";
  INSERT INTO outbox (ce_id, type, order_id, event, reference)
    SELECT o.id || ':order.confirmed', 'order.confirmed', o.id, p_event, o.reference
    FROM unnest(p_orders, p_references) AS o (id, reference)
    ORDER BY o.id COLLATE "C";
  RETURN true;
END $$;

-- The id of the refund's announcement: `<order>:refund.required`, and for further payments of the same hold the
-- provider's reference is added, else a consumer that drops what it has seen would drop their money.
CREATE OR REPLACE FUNCTION onsale_refund_id(p_order text, p_reference text) RETURNS text
LANGUAGE sql AS $$
  SELECT p_order || ':refund.required' ||
         CASE WHEN EXISTS (SELECT 1 FROM payments p WHERE p.refund_id = p_order || ':refund.required')
              THEN ':' || p_reference ELSE '' END
$$;

-- Makes the payment one that has to be given back, and says so to the world.
CREATE OR REPLACE FUNCTION onsale_refund(p_event text, p_reference text, p_order text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_refund text := onsale_refund_id(p_order, p_reference);
BEGIN
  UPDATE payments SET refund_required = true, refund_id = v_refund
    WHERE event = p_event AND reference = p_reference;
  INSERT INTO outbox (ce_id, type, order_id, event, reference)
    VALUES (v_refund, 'refund.required', p_order, p_event, p_reference);
END $$;

-- One new order whose row is there as confirmed: gives it its payment and its seats, or says why not ('' = has them).
CREATE OR REPLACE FUNCTION onsale_settle_order(p_order orders, p_reason text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  v_wanted bigint;
  v_got    bigint;
BEGIN
  INSERT INTO payments (event, reference, decision, order_id, user_id, amount, currency, decided_at)
    VALUES (p_order.event, p_order.reference, 'order', p_order.id, p_order.user_id, p_order.amount,
            p_order.currency, p_order.decided_at)
    ON CONFLICT (event, reference) DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'already_paid';
  END IF;
  IF p_reason <> '' THEN
    RETURN p_reason;
  END IF;
  SELECT count(DISTINCT s.seat) INTO v_wanted FROM unnest(p_order.seats) AS s (seat);
  INSERT INTO order_seats (event, seat, order_id)
    SELECT DISTINCT p_order.event, s.seat, p_order.id FROM unnest(p_order.seats) AS s (seat)
    ON CONFLICT (event, seat) DO NOTHING;
  GET DIAGNOSTICS v_got = ROW_COUNT;
  IF v_got = v_wanted THEN
    RETURN '';
  END IF;
  DELETE FROM order_seats
    WHERE event = p_order.event AND seat = ANY (p_order.seats) AND order_id = p_order.id;
  RETURN 'seat_taken';
END $$;

-- Records one new order as confirmed or rejected; does nothing when it is there already.
CREATE OR REPLACE FUNCTION onsale_decide_order(p_order orders, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_reason text;
  v_refund boolean := false;
BEGIN
  INSERT INTO orders (id, event, user_id, state, seats, amount, currency, reference, epoch, decided_at)
    VALUES (p_order.id, p_order.event, p_order.user_id, 'confirmed', p_order.seats, p_order.amount, p_order.currency,
            p_order.reference, p_order.epoch, p_order.decided_at)
    ON CONFLICT (id) DO NOTHING;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  v_reason := onsale_settle_order(p_order, p_reason);
  IF v_reason = 'already_paid' THEN
    -- The payment made another order or is on its way back already: never give it back a second time.
    SELECT p.refund_required INTO v_refund FROM payments p
      WHERE p.event = p_order.event AND p.reference = p_order.reference;
  ELSIF v_reason <> '' THEN
    v_refund := true;
    UPDATE payments SET decision = 'order_rejected'
      WHERE event = p_order.event AND reference = p_order.reference;
    PERFORM onsale_refund(p_order.event, p_order.reference, p_order.id);
  END IF;
  IF v_reason <> '' THEN
    UPDATE orders SET state = 'rejected', reason = v_reason, refund_required = v_refund WHERE id = p_order.id;
  END IF;
  INSERT INTO outbox (ce_id, type, order_id, event, reference)
    SELECT p_order.id || ':' || t.type, t.type, p_order.id, p_order.event, p_order.reference
    FROM (VALUES (CASE WHEN v_reason = '' THEN 'order.confirmed' ELSE 'order.rejected' END)) AS t (type);
END $$;

-- The careful case: duplicates, seats or payments that others have. Order by order as they came, alone on the event, so
-- that the first who wants a seat gets it. `p_reason` other than '' rejects every new order for that reason.
-- An order that is there already answers what was recorded. `conflicts` are the seats of a rejected order that others
-- own now. Outcome stale_epoch: nothing was written.
CREATE OR REPLACE FUNCTION onsale_record_orders_with_care(
  p_event text, p_epoch bigint, p_reason text, p_orders text[], p_users text[], p_seats text[], p_amounts bigint[],
  p_currencies text[], p_references text[], p_decided_at_ms bigint[])
RETURNS TABLE (outcome text, reason text, refund_required boolean, conflicts text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_order orders;
BEGIN
  PERFORM pg_advisory_xact_lock(onsale_event_lock(p_event));
  IF NOT onsale_epoch_holds(p_event, p_epoch) THEN
    RETURN QUERY SELECT 'stale_epoch', '', false, '' FROM unnest(p_orders);
    RETURN;
  END IF;
  FOR v_order IN
    SELECT o.id, p_event, o.user_id, 'confirmed', '', false, string_to_array(o.seats, ','), o.amount, o.currency,
           o.reference, p_epoch, 1, to_timestamp(o.decided_at_ms / 1000.0), now()
    FROM unnest(p_orders, p_users, p_seats, p_amounts, p_currencies, p_references, p_decided_at_ms)
      WITH ORDINALITY AS o (id, user_id, seats, amount, currency, reference, decided_at_ms, place)
    ORDER BY o.place
  LOOP
    PERFORM onsale_decide_order(v_order, p_reason);
    RETURN QUERY
      SELECT o.state, o.reason, o.refund_required,
             CASE o.state WHEN 'confirmed' THEN '' ELSE
               array_to_string(ARRAY(SELECT s.seat FROM order_seats s
                                     WHERE s.event = o.event AND s.seat = ANY (o.seats)), ',') END
      FROM orders o WHERE o.id = v_order.id;
  END LOOP;
END $$;

-- Payments that could not become an order: each is kept, and given back unless its reference is known already.
-- Answers what is recorded: the decision and whether the money goes back. Outcome stale_epoch: nothing was written.
CREATE OR REPLACE FUNCTION onsale_record_refusals(
  p_event text, p_epoch bigint, p_references text[], p_orders text[], p_users text[], p_amounts bigint[],
  p_currencies text[], p_decisions text[], p_decided_at_ms bigint[])
RETURNS TABLE (outcome text, reason text, refund_required boolean, conflicts text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_paid record;
BEGIN
  PERFORM pg_advisory_xact_lock(onsale_event_lock(p_event));
  IF NOT onsale_epoch_holds(p_event, p_epoch) THEN
    RETURN QUERY SELECT 'stale_epoch', '', false, '' FROM unnest(p_references);
    RETURN;
  END IF;
  FOR v_paid IN
    SELECT * FROM unnest(p_references, p_orders, p_users, p_amounts, p_currencies, p_decisions, p_decided_at_ms)
      WITH ORDINALITY AS r (reference, order_id, user_id, amount, currency, decision, decided_at_ms, place)
    ORDER BY r.place
  LOOP
    INSERT INTO payments (event, reference, decision, order_id, user_id, amount, currency, decided_at)
      VALUES (p_event, v_paid.reference, v_paid.decision, v_paid.order_id, v_paid.user_id, v_paid.amount,
              v_paid.currency, to_timestamp(v_paid.decided_at_ms / 1000.0))
      ON CONFLICT (event, reference) DO NOTHING;
    IF FOUND THEN
      PERFORM onsale_refund(p_event, v_paid.reference, v_paid.order_id);
    END IF;
    RETURN QUERY SELECT 'refused', p.decision, p.refund_required, '' FROM payments p
      WHERE p.event = p_event AND p.reference = v_paid.reference;
  END LOOP;
END $$;

-- One node wins. Waits for the batches that run, and those that come later find the new epoch.
CREATE OR REPLACE FUNCTION onsale_raise_epoch(p_event text, p_from bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(onsale_event_lock(p_event));
  UPDATE events SET epoch = epoch + 1, version = version + 1, changed_at = now() WHERE id = p_event AND epoch = p_from;
  RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION onsale_change_state(p_event text, p_from text, p_to text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(onsale_event_lock(p_event));
  UPDATE events SET state = p_to, version = version + 1, changed_at = now() WHERE id = p_event AND state = p_from;
  RETURN FOUND;
END $$;

INSERT INTO schema_version (version) VALUES (1) ON CONFLICT DO NOTHING;
