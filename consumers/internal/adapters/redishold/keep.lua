-- keep: the hold of an open row is here as the row says, where it was lost, is another or the row's version moved on.
--
-- ARGV[1] layout version   ARGV[2] order   ARGV[3] request hash   ARGV[4] version of the row, at least 1
-- ARGV[5] heldAt   ARGV[6] D   ARGV[7] lapse after D, ms   ARGV[8] places, '3,0,12'
--
-- returns {'OK', now}           it holds these places and no other, with the row's times, under this version; or it did
--                               before
--         {'TAKEN', now}        a place is another's, by a hold that has not lapsed or a sale, or sold to the order itself;
--                               nothing was written
--         {'STALE', now}        a later version was applied here, or the order is over here, or its time is: nothing was
--                               written. Not an error: the row is read again
--         {'NOT_LOADED', now}   nothing is known of the group, or it is there in another layout version
--
-- Atomic, and the same again is harmless. What the order held besides the places of its row is free: that was a hold
-- which did not become the row. The row outranks a note that the order was sent on as well. The lapse never comes
-- earlier: a group that was loaded late gave the hold a while from then. Never: a place taken from a hold that has not
-- lapsed or from a sale, some of the places, an order that has ended made to hold again.
if not versioned then return invalid('layout version') end
local order, hash, version = ARGV[2], ARGV[3], whole(ARGV[4])
local heldAt, expiresAt, lapseAfter, places = whole(ARGV[5]), whole(ARGV[6]), whole(ARGV[7]), placesOf(ARGV[8])
if #ARGV ~= 8 or not word(order) or not word(hash) or hash == '-' then return invalid('order or hash') end
if not version or version < 1 then return invalid('version') end
if not heldAt or heldAt < 1 or not expiresAt or expiresAt < heldAt or not lapseAfter then return invalid('times') end
if not places then return invalid('places') end
if not loaded then return {'NOT_LOADED', now} end
for _, p in ipairs(places) do
  if p >= room then return invalid('place ' .. p .. ' is outside the group') end
end
sweep()

local lapses = expiresAt + lapseAfter
local record = readRecord(redis.call('HGET', ORDERS, order))
if record.version > version or lapses <= now then return {'STALE', now} end
if record.state == 'ended' or record.state == 'sold' then return {'STALE', now} end
if record.state == 'held' then
  -- One that has lapsed is over, also if the sweep did not get to it.
  if record.lapses <= now then return {'STALE', now} end
  lapses = math.max(lapses, record.lapses)
end

local entries = redis.call('HMGET', SEATS, unpack(places))
local entry, fields, changed, wanted = 'held ' .. order .. ' ' .. text(lapses), {}, {}, {}
local formerIds, seen = {}, {}
for i, p in ipairs(places) do
  wanted[p] = true
  if entries[i] ~= entry then
    changed[#changed + 1] = p
    fields[#fields + 1], fields[#fields + 2] = p, entry
  end
  if entries[i] then
    local state, owner, ends = readEntry(entries[i])
    if state == 'sold' or owner ~= order and ends > now then return {'TAKEN', now} end
    if owner ~= order and not seen[owner] then
      seen[owner] = true
      formerIds[#formerIds + 1] = owner
    end
  end
end
local former = readOrders(formerIds)

-- Nothing is refused from here on. Other orders that are still in the way have lapsed: they end with all their places.
if #former > 0 then endOrders(former) end
local left = {}
for _, p in ipairs(record.places) do
  if not wanted[p] then left[#left + 1] = p end
end
free(left)
if #fields > 0 then redis.call('HSET', SEATS, unpack(fields)) end
setMap(changed, 1)
local sentOn = record.state == 'forwarded'
record = {state = 'held', version = version, hash = hash, heldAt = heldAt, expiresAt = expiresAt, lapses = lapses,
  places = places}
redis.call('HSET', ORDERS, order, writeRecord(record))
redis.call('ZADD', LAPSES, text(lapses), order)
if sentOn then redis.call('ZREM', ENDS, order) end
return {'OK', now}
