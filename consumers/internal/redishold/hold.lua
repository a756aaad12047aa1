-- hold: all places of one order, or none.
--
-- ARGV[1] order   ARGV[2] request hash   ARGV[3] length of a hold, ms   ARGV[4] lapse after its end, ms
-- ARGV[5] places, '3,0,12'
--
-- returns {'HELD', now, heldAt, D, places}  it holds these places until D: now made, or made before (then the first
--                                           places and the first end, whatever is asked for now)
--         {'TAKEN', now, places}            these of the asked places are another's; nothing was written
--         {'GONE', now}                     the order is over here, has lapsed, or was sold one of the places
--         {'OTHER', now}                    the order is known here with another request hash
--         {'NOT_LOADED', now}               nothing is known of the group
--
-- Atomic. Never: a longer hold for an order that holds, some of the places, a place taken from a hold that has not
-- lapsed or from a sale, a record that ended made to hold again.
local order, hash = ARGV[1], ARGV[2]
local length, lapseAfter, places = whole(ARGV[3]), whole(ARGV[4]), placesOf(ARGV[5])
if #ARGV ~= 5 or not word(order) or not word(hash) or hash == '-' then return invalid('order or hash') end
if not length or length < 1 or not lapseAfter then return invalid('length of the hold') end
if not places then return invalid('places') end
if not epoch then return {'NOT_LOADED', now} end
for _, p in ipairs(places) do
  if p >= room then return invalid('place ' .. p .. ' is outside the group') end
end
sweep()

-- The order's own record speaks first. A record that an end alone made has no hash, and means that end.
local record = readRecord(redis.call('HGET', ORDERS, order))
if record.state ~= 'none' then
  if record.hash ~= '-' and record.hash ~= hash then return {'OTHER', now} end
  if record.state ~= 'held' or record.lapses <= now then return {'GONE', now} end
  return {'HELD', now, record.heldAt, record.expiresAt, table.concat(record.places, ',')}
end

local entries = redis.call('HMGET', SEATS, unpack(places))
local taken, formerIds, seen = {}, {}, {}
for i, p in ipairs(places) do
  if entries[i] then
    local state, owner, lapses = readEntry(entries[i])
    if state == 'sold' and owner == order then return {'GONE', now} end
    if owner ~= order and (state == 'sold' or lapses > now) then
      taken[#taken + 1] = p
    elseif not seen[owner] then
      seen[owner] = true
      formerIds[#formerIds + 1] = owner
    end
  end
end
if #taken > 0 then return {'TAKEN', now, table.concat(taken, ',')} end
local former = readOrders(formerIds)

-- Nothing is refused from here on. What was still in the way has lapsed and the sweep did not get to it: its orders end
-- with all their places, so that no order ever holds some of its seats.
if #former > 0 then endOrders(former) end
local expiresAt = now + length
record = {state = 'held', version = 0, hash = hash, heldAt = now, expiresAt = expiresAt,
  lapses = expiresAt + lapseAfter, places = places}
local entry, fields = 'held ' .. order .. ' ' .. text(record.lapses), {}
for i, p in ipairs(places) do fields[2 * i - 1], fields[2 * i] = p, entry end
redis.call('HSET', SEATS, unpack(fields))
setMap(places, 1)
redis.call('HSET', ORDERS, order, writeRecord(record))
redis.call('ZADD', LAPSES, text(record.lapses), order)
return {'HELD', now, now, expiresAt, table.concat(places, ',')}
