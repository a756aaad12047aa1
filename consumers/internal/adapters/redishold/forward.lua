-- forward records that an order was sent on to another group, so that it is never held here again. With 'nowhere' it only
-- returns what the group knows of the order: one that is about to be refused for want of seats may hold some here.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version   ARGV[2] order   ARGV[3] request hash   ARGV[4] where to, 'group:hop', or 'nowhere'
--
-- returns  as hold for one order: {'OK', now, word, heldAt, D, places or where to}
--            FORWARDED    recorded now; or before, then with the group that it was sent to first
--            HELD         the order holds these places here; nothing was written
--            GONE, OTHER  as for hold; nothing was written
--            UNKNOWN      with 'nowhere': the order has no record; nothing was written
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- Atomic, and safe to repeat. The record is kept for RECORD_KEPT: a redelivered message finds it and does not hold here while
-- the order is tried elsewhere. Never: an order sent on that holds here.
if not versioned then return invalid('layout version') end
local order, hash, to = ARGV[2], ARGV[3], ARGV[4]
if #ARGV ~= 4 or not word(order) or not word(hash) or hash == '-' then return invalid('order or hash') end
if to ~= 'nowhere' and (not to or #to > 40 or not to:find('^[%w_%-]+:[1-9]%d*$')) then return invalid('where to') end
if not loaded then return {'NOT_LOADED', now} end
sweep()

local record = readRecord(redis.call('HGET', ORDERS, order))
local answer = answerOf(record, hash)
if not answer and to == 'nowhere' then answer = {'UNKNOWN', '', '', ''} end
if not answer then
  record.state, record.hash, record.to = 'forwarded', hash, to
  redis.call('HSET', ORDERS, order, writeRecord(record))
  redis.call('ZADD', ENDS, text(now + RECORD_KEPT), order)
  answer = {'FORWARDED', '', '', to}
end
return {'OK', now, unpack(answer)}
