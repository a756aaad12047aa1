-- restore: seats that an order does not own any more are free, because its tickets were withdrawn.
--
-- ARGV[1] layout version   ARGV[2] order   ARGV[3] version of its row, at least 1   ARGV[4] places, '3,0,12'
--
-- returns {'OK', now, places}   these became free ('' for none): they were sold to the order or held by it
--         {'STALE', now}        a later version was applied here before; nothing was written. Not an error
--         {'NOT_LOADED', now}   nothing is known of the group, or it is there in another layout version
--
-- Atomic, and the same again is harmless. The record has this version, and is ended once none of its places is left.
-- Never: a place of another order made free.
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
local left = {}
for _, p in ipairs(record.places) do
  if not gone[p] then left[#left + 1] = p end
end
record.version, record.places = version, left
if #left == 0 then
  endOrders({{id = order, record = record}})
else
  redis.call('HSET', ORDERS, order, writeRecord(record))
end
return {'OK', now, table.concat(freed, ',')}
