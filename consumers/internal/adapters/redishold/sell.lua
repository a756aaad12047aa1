-- sell: the seats of an order are its own for good. It wins over every hold and over no sale.
--
-- ARGV[1] layout version   ARGV[2] order   ARGV[3] version of its row, at least 1   ARGV[4] places, '3,0,12'
--
-- returns {'OK', now, 'a,b'}              the places are sold to it; the orders whose holds were overwritten
--         {'STALE', now}                  a later version was applied here before; nothing was written. Not an error
--         {'CONFLICT', now, place, owner} a place is sold to another order; nothing was written
--         {'NOT_LOADED', now}             nothing is known of the group, or it is there in another layout version
--
-- Atomic, and the same again is harmless: it displaces nobody twice. What the order held and does not own is free. An
-- order that is displaced loses its whole hold: its other places are free, and it is not known here any more, so that
-- its hold may be made again should the sale be withdrawn. Never: a sale overwritten, a hold of which a part is left.
if not versioned then return invalid('layout version') end
local order, version, places = ARGV[2], whole(ARGV[3]), placesOf(ARGV[4])
if #ARGV ~= 4 or not word(order) then return invalid('order') end
if not version or version < 1 then return invalid('version') end
if not places then return invalid('places') end
if not loaded then return {'NOT_LOADED', now} end
for _, p in ipairs(places) do
  if p >= room then return invalid('place ' .. p .. ' is outside the group') end
end
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
if record.state == 'held' then
  local left = {}
  for _, p in ipairs(record.places) do
    if not sold[p] then left[#left + 1] = p end
  end
  free(left)
end
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
