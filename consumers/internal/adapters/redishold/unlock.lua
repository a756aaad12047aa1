-- unlock deletes the rebuild lock if it carries the token.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  not used: the lock belongs to the group in every layout version   ARGV[2] fencing token
--
-- returns  {'OK', now}  the lock does not carry this token any more
--
-- Atomic, and safe to repeat. Never: the lock of another token deleted, which may be a later loader's.
if redis.call('GET', LOCK) == ARGV[2] then redis.call('DEL', LOCK) end
return {'OK', now}
