-- forward: the order was sent on to another group and is never held here again. With nowhere to send it, only the
-- question what is known of it here: who is about to be refused for want of seats may be the one who holds them.
--
-- ARGV[1] layout version   ARGV[2] order   ARGV[3] request hash   ARGV[4] where to, 'group:hop'; or 'nowhere'
--
-- returns, as hold does for one order, {'OK', now, word, heldAt, D, places or where to}
--           FORWARDED   noted now; or before, then where it was sent first
--           HELD        it holds something here: nothing was written
--           GONE, OTHER nothing was written
--           UNKNOWN     nowhere to send it, and no record of it: nothing was written
--         {'NOT_LOADED', now}   nothing is known of the group, or it is there in another layout version
--
-- Atomic, and the same again is harmless. The record is kept for RECORD_KEPT: a redelivery meets it and does not hold
-- here while the order is tried elsewhere. Never: an order that holds here sent on.
if not versioned then return invalid('layout version') end
local order, hash, to = ARGV[2], ARGV[3], ARGV[4]
if #ARGV ~= 4 or not word(order) or not word(hash) or hash == '-' then return invalid('order or hash') end
if to ~= 'nowhere' and (not to or #to > 40 or not to:find('^[%w_%-]+:[1-9]%d*$')) then return invalid('where to') end
if not loaded then return {'NOT_LOADED', now} end
sweep()

local record = readRecord(redis.call('HGET', ORDERS, order))
if record.state == 'none' and to == 'nowhere' then return {'OK', now, 'UNKNOWN', '', '', ''} end
if record.state == 'none' then
  record.state, record.hash, record.to = 'forwarded', hash, to
  redis.call('HSET', ORDERS, order, writeRecord(record))
  redis.call('ZADD', ENDS, text(now + RECORD_KEPT), order)
  return {'OK', now, 'FORWARDED', '', '', to}
end
if record.hash ~= '-' and record.hash ~= hash then return {'OK', now, 'OTHER', '', '', ''} end
if record.state == 'forwarded' then return {'OK', now, 'FORWARDED', '', '', record.to} end
if record.state ~= 'held' or record.lapses <= now then return {'OK', now, 'GONE', '', '', ''} end
return {'OK', now, 'HELD', record.heldAt, record.expiresAt, table.concat(record.places, ',')}
