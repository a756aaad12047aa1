-- hold decides consecutive orders of one group, one after another. Each order gets all its places or none.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version   ARGV[2] length of a hold, ms, at least 1   ARGV[3] time from its end to its lapse, ms
-- ARGV[4]  when the queue took the last of the orders, Unix ms; 0 if not known
-- then for each order three: order, request hash, places '3,0,12'
--
-- returns  {'OK', now, then for each order four parts: word, heldAt, D, places}
--            HELD       the order holds these places until D: since now, or since an earlier call (then its first places and
--                       its first end, whatever it asks for now)
--            TAKEN      another order holds or owns these of the asked places; nothing was written
--            AGAIN      it shares a place with an order that this call found or made to hold, or with an earlier AGAIN;
--                       nothing was written. That order may still fail, so this one is decided once its row is known
--            GONE       the order has ended here, has lapsed, or owns one of the places; nothing was written
--            OTHER      the order is known here with another request hash; nothing was written
--            FORWARDED  the order was sent on from here; in place of places: where to, 'group:hop'; nothing was written
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- Atomic, and safe to repeat: an order that holds keeps its hold. Each order is checked as a whole before anything is
-- written for it. Stores the lag, now - ARGV[4], for LAG_KEPT. Never: a longer hold for an order that holds, some of the
-- places, a place taken from a hold that has not lapsed or from a sale, a hold for an order whose record has ended.
if not versioned then return invalid('layout version') end
local length, lapseAfter, sentAt = whole(ARGV[2]), whole(ARGV[3]), whole(ARGV[4])
if not length or length < 1 or not lapseAfter then return invalid('length of the hold') end
if not sentAt then return invalid('time of the queue') end
if #ARGV < 7 or #ARGV % 3 ~= 1 then return invalid('shape') end
local asks = {}
for at = 5, #ARGV, 3 do
  local order, hash, places = ARGV[at], ARGV[at + 1], placesOf(ARGV[at + 2])
  if not word(order) or not word(hash) or hash == '-' then return invalid('order or hash ' .. at) end
  if not places then return invalid('places ' .. at) end
  asks[#asks + 1] = {order = order, hash = hash, places = places}
end
if not loaded then return {'NOT_LOADED', now} end
for _, ask in ipairs(asks) do
  local refused = outside(ask.places)
  if refused then return refused end
end
sweep()

-- claimed has the places that an order of this call holds or waits for.
local claimed = {}
local function claim(places)
  for _, p in ipairs(places) do claimed[p] = true end
end

local function decide(ask)
  local order, places = ask.order, ask.places
  -- The order's own record decides before the places do.
  local record = readRecord(redis.call('HGET', ORDERS, order))
  local answer = answerOf(record, ask.hash)
  if answer then
    if answer[1] == 'HELD' then claim(record.places) end
    return answer
  end
  for _, p in ipairs(places) do
    if claimed[p] then
      claim(places)
      return {'AGAIN', '', '', ''}
    end
  end
  local entries = redis.call('HMGET', SEATS, unpack(places))
  local taken, formerIds, seen = {}, {}, {}
  for i, p in ipairs(places) do
    if entries[i] then
      local state, owner, lapses = readEntry(entries[i])
      if state == 'sold' and owner == order then return {'GONE', '', '', ''} end
      if owner ~= order and (state == 'sold' or lapses > now) then
        taken[#taken + 1] = p
      elseif not seen[owner] then
        seen[owner] = true
        formerIds[#formerIds + 1] = owner
      end
    end
  end
  if #taken > 0 then return {'TAKEN', '', '', table.concat(taken, ',')} end
  local former = readOrders(formerIds)

  -- Nothing is refused from here on. Holds that are still in the way have lapsed and the sweep did not reach them: their
  -- orders end with all their places, so that no order ever holds some of its seats.
  if #former > 0 then endOrders(former) end
  local expiresAt = now + length
  record = {state = 'held', version = 0, hash = ask.hash, heldAt = now, expiresAt = expiresAt,
    lapses = expiresAt + lapseAfter, places = places}
  local entry, fields = 'held ' .. order .. ' ' .. text(record.lapses), {}
  for i, p in ipairs(places) do fields[2 * i - 1], fields[2 * i] = p, entry end
  redis.call('HSET', SEATS, unpack(fields))
  setMap(places, 1)
  redis.call('HSET', ORDERS, order, writeRecord(record))
  redis.call('ZADD', LAPSES, text(record.lapses), order)
  claim(places)
  return answerOf(record, ask.hash)
end

local reply = {'OK', now}
for _, ask in ipairs(asks) do
  for _, part in ipairs(decide(ask)) do reply[#reply + 1] = part end
end
if sentAt > 0 then redis.call('SET', LAG, text(math.max(0, now - sentAt)), 'PX', LAG_KEPT) end
return reply
