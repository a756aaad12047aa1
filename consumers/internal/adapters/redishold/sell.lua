-- sell makes places an order's own for good. It wins over every hold and over no sale.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version   ARGV[2] order   ARGV[3] version of its row, at least 1   ARGV[4] places, '3,0,12'
--
-- returns  {'OK', now, 'a,b'}               the order owns the places; a and b are the orders whose holds it displaced
--          {'STALE', now}                   a later version was applied here before; nothing was written. Not an error
--          {'CONFLICT', now, place, owner}  another order owns this place; nothing was written
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- Atomic, and safe to repeat: the second call displaces no order. Places that the order held and does not own become free.
-- A displaced order loses its whole hold: its other places become free and its record is deleted, so that the hold can be
-- made again if the sale is withdrawn. Never: a sale overwritten, a part of a hold left.
local refused, order, version, places = orderPlaces()
if refused then return refused end
sweep()

local record = readRecord(redis.call('HGET', ORDERS, order))
if record.version > version then return {'STALE', now} end
local entries = redis.call('HMGET', SEATS, unpack(places))
local sold, ids, seen = {}, {}, {}
for i, p in ipairs(places) do
  sold[p] = true
  if entries[i] then
    local state, owner = readEntry(entries[i])
    if owner ~= order then
      if state == 'sold' then return {'CONFLICT', now, p, owner} end
      if not seen[owner] then
        seen[owner] = true
        ids[#ids + 1] = owner
      end
    end
  end
end
local displaced = readOrders(ids)

-- Nothing is refused from here on.
displace(displaced)
if record.state == 'held' then free(except(record.places, sold)) end
local fields, changed = {}, {}
for i, p in ipairs(places) do
  fields[2 * i - 1], fields[2 * i] = p, 'sold ' .. order
  if entries[i] ~= 'sold ' .. order then changed[#changed + 1] = p end
end
redis.call('HSET', SEATS, unpack(fields))
setMap(changed, 2)
record.state, record.version, record.lapses, record.places, record.to = 'sold', version, 0, places, nil
redis.call('HSET', ORDERS, order, writeRecord(record))
redis.call('ZREM', LAPSES, order)
redis.call('ZREM', ENDS, order)
return {'OK', now, table.concat(ids, ',')}
