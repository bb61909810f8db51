"""What the servers know, read straight from PostgreSQL and Redis, with no help of the server under test."""

import psycopg2
import redis


class Record:
    """One connection that reads; owns it."""

    def __init__(self, dsn):
        self._connection = psycopg2.connect(dsn)
        self._connection.autocommit = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def rows(self, statement, *arguments):
        with self._connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall()

    def owners(self, event):
        """Seat id -> order that owns it. The primary key makes a second owner impossible; counted all the same."""
        pairs = self.rows("SELECT seat, order_id FROM order_seats WHERE event = %s", event)
        owners = dict(pairs)
        assert len(owners) == len(pairs), "a seat with two owners"
        return owners

    def orders(self, event, state="confirmed"):
        """Ids of the orders in a state."""
        return {row[0] for row in self.rows("SELECT id FROM orders WHERE event = %s AND state = %s", event, state)}

    def payment(self, event, reference):
        """(decision, refund_required) of a payment, None while PostgreSQL does not know it."""
        found = self.rows("SELECT decision, refund_required FROM payments WHERE event = %s AND reference = %s",
                          event, reference)
        return found[0] if found else None

    def epoch(self, event):
        return self.rows("SELECT epoch FROM events WHERE id = %s", event)[0][0]


def seats_in_redis(env, event):
    """The seats as Redis decides on them, one character a seat. The API's map may be a moment behind."""
    with redis.Redis.from_url(env["ONSALE_REDIS_URL"]) as client:
        return client.get(f"{{{event}}}:seats").decode()
