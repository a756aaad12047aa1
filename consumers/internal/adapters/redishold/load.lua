-- load writes a whole group in one layout version, as DynamoDB has it.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version   ARGV[2] fencing token (kept as text: it may exceed what a Lua number holds exactly)
-- ARGV[3]  time from the end of a hold to its lapse, ms   ARGV[4] number of places   ARGV[5] number n of sold places
-- then n times: place, order
-- then to the end, for each open order: order, version, request hash, heldAt, D, places '3,0,12'
--
-- returns  {'OK', now}       the group is loaded with revision 'token.1.layout version', and the lock is deleted
--          {'CHANGED', now}  the group is loaded already in this layout version, or in another one under this token or a
--                            later one; or the lock does not carry this token. Nothing was written
--          {'INVALID', now, text}
--
-- Atomic. It replaces a group in another layout version, whose places are other seats, and all that was left under the
-- group's keys. An open order gets all its places or none: of two for one place the first gets it and the other gets neither
-- hold nor record, so that a repair can hold it later. A sale comes before every open order, also before the buyer's own: the
-- order was committed after its row was read as open. An order past its end is held for the time to its lapse from now, since
-- its row is open and may still be paid for. Never: a load without the lock; an epoch that does not rise.
if not versioned then return invalid('layout version') end
local token, lapseAfter, size, soldCount = ARGV[2], whole(ARGV[3]), whole(ARGV[4]), whole(ARGV[5])
if not token or #token > 19 or not token:find('^[1-9]%d*$') then return invalid('token') end
if not lapseAfter then return invalid('lapse') end
if not size or size < 1 or size > MAX_PLACES then return invalid('number of places') end
if not soldCount or (#ARGV - 5 - 2 * soldCount) % 6 ~= 0 or 5 + 2 * soldCount > #ARGV then return invalid('shape') end

local states, seats, records, lapses = {}, {}, {}, {}
local at = 6
for _ = 1, soldCount do
  local p, order = whole(ARGV[at]), ARGV[at + 1]
  if not p or p >= size or states[p] or not word(order) then return invalid('sold place ' .. at) end
  states[p] = 2
  seats[#seats + 1] = p
  seats[#seats + 1] = 'sold ' .. order
  at = at + 2
end

local known = {}
while at < #ARGV do
  local order, hash, places = ARGV[at], ARGV[at + 2], placesOf(ARGV[at + 5])
  local version, heldAt, expiresAt = whole(ARGV[at + 1]), whole(ARGV[at + 3]), whole(ARGV[at + 4])
  if not word(order) or not word(hash) or hash == '-' or not places or not version or version < 1
    or not heldAt or heldAt < 1 or not expiresAt or expiresAt < heldAt then
    return invalid('open order ' .. at)
  end
  local free = not known[order]
  for _, p in ipairs(places) do
    if p >= size then return invalid('place ' .. p .. ' is outside the group') end
    if states[p] then free = false end
  end
  if free then
    known[order] = true
    local record = {state = 'held', version = version, hash = hash, heldAt = heldAt, expiresAt = expiresAt,
      lapses = math.max(expiresAt, now) + lapseAfter, places = places}
    for _, p in ipairs(places) do
      states[p] = 1
      seats[#seats + 1] = p
      seats[#seats + 1] = 'held ' .. order .. ' ' .. text(record.lapses)
    end
    records[#records + 1] = order
    records[#records + 1] = writeRecord(record)
    lapses[#lapses + 1] = text(record.lapses)
    lapses[#lapses + 1] = order
  end
  at = at + 6
end

-- Of two numbers without leading zeros the longer is greater; of equal length, the one that sorts later as text.
local later = epoch and (#token > #epoch or #token == #epoch and token > epoch)
if loaded or epoch and not later or redis.call('GET', LOCK) ~= token then return {'CHANGED', now} end

-- The bytes of seatstate.SeatMap: 2 bits a place, the first place in the highest bits.
local bytes = {}
for first = 0, size - 1, 4 do
  bytes[#bytes + 1] = string.char(64 * (states[first] or 0) + 16 * (states[first + 1] or 0)
    + 4 * (states[first + 2] or 0) + (states[first + 3] or 0))
end
redis.call('DEL', SEATS, ORDERS, LAPSES, ENDS)
redis.call('SET', MAP, table.concat(bytes))
if #seats > 0 then redis.call('HSET', SEATS, unpack(seats)) end
if #records > 0 then
  redis.call('HSET', ORDERS, unpack(records))
  redis.call('ZADD', LAPSES, unpack(lapses))
end
redis.call('SET', REV, token .. '.1.' .. ARGV[1])
redis.call('DEL', LOCK)
return {'OK', now}
