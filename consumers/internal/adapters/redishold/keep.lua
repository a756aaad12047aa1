-- keep makes the hold of an open row what the row says: where the hold was lost, has other places, or has an older version.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version   ARGV[2] order   ARGV[3] request hash   ARGV[4] version of the row, at least 1
-- ARGV[5]  heldAt   ARGV[6] D   ARGV[7] time from D to the lapse, ms   ARGV[8] places, '3,0,12'
--
-- returns  {'OK', now}     the order holds these places and no other, with the row's times, under this version
--          {'TAKEN', now}  another order owns a place or has a hold there that has not lapsed, or the place is sold to the
--                          order itself; nothing was written
--          {'STALE', now}  a later version was applied here, the order has ended here, or D + lapse is past; nothing was
--                          written. Not an error: the caller reads the row again
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- Atomic, and safe to repeat. Other places that the order held become free: that hold did not become the row. The row also
-- wins over a record that the order was sent on. The lapse never moves to an earlier time: a late load may have set it later.
-- Never: a place taken from a hold that has not lapsed or from a sale, some of the places, a hold for an order that has ended.
if not versioned then return invalid('layout version') end
local order, hash, version = ARGV[2], ARGV[3], whole(ARGV[4])
local heldAt, expiresAt, lapseAfter, places = whole(ARGV[5]), whole(ARGV[6]), whole(ARGV[7]), placesOf(ARGV[8])
if #ARGV ~= 8 or not word(order) or not word(hash) or hash == '-' then return invalid('order or hash') end
if not version or version < 1 then return invalid('version') end
if not heldAt or heldAt < 1 or not expiresAt or expiresAt < heldAt or not lapseAfter then return invalid('times') end
if not places then return invalid('places') end
if not loaded then return {'NOT_LOADED', now} end
local refused = outside(places)
if refused then return refused end
sweep()

local lapses = expiresAt + lapseAfter
local record = readRecord(redis.call('HGET', ORDERS, order))
if record.version > version or lapses <= now then return {'STALE', now} end
if record.state == 'ended' or record.state == 'sold' then return {'STALE', now} end
if record.state == 'held' then
  -- A lapsed hold has ended, also if the sweep did not reach it.
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

-- Nothing is refused from here on. Holds of other orders that are still in the way have lapsed: these orders end with all
-- their places.
if #former > 0 then endOrders(former) end
free(except(record.places, wanted))
if #fields > 0 then redis.call('HSET', SEATS, unpack(fields)) end
setMap(changed, 1)
local sentOn = record.state == 'forwarded'
record = {state = 'held', version = version, hash = hash, heldAt = heldAt, expiresAt = expiresAt, lapses = lapses,
  places = places}
redis.call('HSET', ORDERS, order, writeRecord(record))
redis.call('ZADD', LAPSES, text(lapses), order)
if sentOn then redis.call('ZREM', ENDS, order) end
return {'OK', now}
