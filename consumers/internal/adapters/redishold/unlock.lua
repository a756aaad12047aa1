-- unlock: the rebuild lock goes back to whoever wants it next.
--
-- ARGV[1] not used: the lock is the group's, whatever its layout version   ARGV[2] fencing token
--
-- returns {'OK', now}   the lock does not carry this token any more
--
-- Atomic. Never: the lock of another token, which may be a later loader's.
if redis.call('GET', LOCK) == ARGV[2] then redis.call('DEL', LOCK) end
return {'OK', now}
