-- restore frees places that an order does not own any more, because its tickets were withdrawn.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version   ARGV[2] order   ARGV[3] version of its row, at least 1   ARGV[4] places, '3,0,12'
--
-- returns  {'OK', now, places}  the freed places ('' for none): those that were sold to the order or held by it
--          {'STALE', now}       a later version was applied here before; nothing was written. Not an error
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- Atomic, and safe to repeat. The record gets this version, and ends when none of its places is left. Never: a place of
-- another order freed.
local refused, order, version, places = orderPlaces()
if refused then return refused end
sweep()

local record = readRecord(redis.call('HGET', ORDERS, order))
if record.version > version then return {'STALE', now} end
local entries = redis.call('HMGET', SEATS, unpack(places))
local freed, gone = {}, {}
for i, p in ipairs(places) do
  gone[p] = true
  if entries[i] then
    local _, owner = readEntry(entries[i])
    if owner == order then freed[#freed + 1] = p end
  end
end

-- Nothing is refused from here on.
free(freed)
record.version, record.places = version, except(record.places, gone)
if #record.places == 0 then
  endOrders({{id = order, record = record}})
else
  redis.call('HSET', ORDERS, order, writeRecord(record))
end
return {'OK', now, table.concat(freed, ',')}
