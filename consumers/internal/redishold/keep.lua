-- keep: the hold of an open row is here again, where it was lost or the row's version moved on.
--
-- ARGV[1] order   ARGV[2] request hash   ARGV[3] version of the row, at least 1
-- ARGV[4] heldAt   ARGV[5] D   ARGV[6] lapse after D, ms   ARGV[7] places, '3,0,12'
--
-- returns {'OK', now}           it holds these places, under this version; or it did before
--         {'TAKEN', now}        a place is another's, by a hold that has not lapsed or a sale; nothing was written
--         {'STALE', now}        a later version was applied here, or the order is over here, or its time is: nothing was
--                               written. Not an error: the row is read again
--         {'NOT_LOADED', now}   nothing is known of the group
--
-- Atomic, and the same again is harmless. Never: a place taken from a hold that has not lapsed or from a sale, some of
-- the places, an end that moves, an order that has ended made to hold again.
local order, hash, version = ARGV[1], ARGV[2], whole(ARGV[3])
local heldAt, expiresAt, lapseAfter, places = whole(ARGV[4]), whole(ARGV[5]), whole(ARGV[6]), placesOf(ARGV[7])
if #ARGV ~= 7 or not word(order) or not word(hash) or hash == '-' then return invalid('order or hash') end
if not version or version < 1 then return invalid('version') end
if not heldAt or heldAt < 1 or not expiresAt or expiresAt < heldAt or not lapseAfter then return invalid('times') end
if not places then return invalid('places') end
if not epoch then return {'NOT_LOADED', now} end
for _, p in ipairs(places) do
  if p >= room then return invalid('place ' .. p .. ' is outside the group') end
end
sweep()

local lapses = expiresAt + lapseAfter
local record = readRecord(redis.call('HGET', ORDERS, order))
if record.version > version or lapses <= now then return {'STALE', now} end
if record.state == 'held' then
  -- Its own hold: seats and end are the row's, since the row was made from them. Only the version moves.
  record.version = version
  redis.call('HSET', ORDERS, order, writeRecord(record))
  return {'OK', now}
end
if record.state ~= 'none' then return {'STALE', now} end

local entries = redis.call('HMGET', SEATS, unpack(places))
local formerIds, seen = {}, {}
for i in ipairs(places) do
  if entries[i] then
    local state, owner, ends = readEntry(entries[i])
    if state == 'sold' or ends > now then return {'TAKEN', now} end
    if not seen[owner] then
      seen[owner] = true
      formerIds[#formerIds + 1] = owner
    end
  end
end
local former = readOrders(formerIds)
if #former > 0 then endOrders(former) end
record = {state = 'held', version = version, hash = hash, heldAt = heldAt, expiresAt = expiresAt, lapses = lapses,
  places = places}
local entry, fields = 'held ' .. order .. ' ' .. text(lapses), {}
for i, p in ipairs(places) do fields[2 * i - 1], fields[2 * i] = p, entry end
redis.call('HSET', SEATS, unpack(fields))
setMap(places, 1)
redis.call('HSET', ORDERS, order, writeRecord(record))
redis.call('ZADD', LAPSES, text(lapses), order)
return {'OK', now}
