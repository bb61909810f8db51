"""Token keys change in the middle of a sale: nobody who waits or holds is turned away before the old key is gone."""

import secrets

from sale import Sale


def write_keys(stand, keys):
    """First signs, all verify."""
    path = stand.directory / "keys-of-the-test"
    path.write_text("".join(f"{number}:{key}\n" for number, key in keys))
    path.chmod(0o600)
    stand.server.settings = {"tokens": {"keys_file": str(path)}}


def restart(stand):
    assert stand.server.stop() == 0
    stand.server.start()


def test_tokens_outlive_the_rotation_but_not_their_key(own_stand):
    stand = own_stand()
    old, new = (1, secrets.token_hex(32)), (2, secrets.token_hex(32))
    write_keys(stand, [old])
    restart(stand)
    sale = Sale(stand.env).open()
    before = sale.admitted()
    write_keys(stand, [new, old])
    restart(stand)
    after = sale.admitted()
    for buyer in (before, after):
        assert buyer.poll().status == 200 and buyer.gate().status == 204
    write_keys(stand, [new])
    restart(stand)
    assert after.poll().status == 200 and after.gate().status == 204
    refused = before.poll()
    assert (refused.status, refused.code) == (401, "token_invalid"), refused
    assert before.gate().code == "token_invalid"


def test_another_servers_tokens_are_worth_nothing(own_stand):
    stand = own_stand()
    sale = Sale(stand.env).open()
    buyer = sale.admitted()
    write_keys(stand, [(1, secrets.token_hex(32))])
    restart(stand)
    assert buyer.gate().code == "token_invalid"
