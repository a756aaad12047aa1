-- hold: the consecutive orders of one group, decided one after another, each with all its places or none.
--
-- ARGV[1] layout version   ARGV[2] length of a hold, ms   ARGV[3] lapse after its end, ms
-- ARGV[4] when the queue took the last of them, Unix ms; 0 if not known
-- then for each order: order, request hash, places '3,0,12'
--
-- returns {'OK', now, then for each order four parts: word, heldAt, D, places}
--           HELD    it holds these places until D: now made, or made before (then the first places and the first end,
--                   whatever is asked for now)
--           TAKEN   these of the asked places are another's; nothing was written
--           AGAIN   it shares a place with an order that this call found or made to hold, or with an earlier AGAIN, or
--                   this call did not hold the same order with another hash; nothing was written. That one may still
--                   fail, or be the order's row, so this one is decided once its row is known
--           GONE    the order is over here, has lapsed, or was sold one of the places
--           OTHER   the order is known here with another request hash
--           FORWARDED  the order was sent on from here; in place of places: where to, 'group:hop'
--         {'NOT_LOADED', now}   nothing is known of the group, or it is there in another layout version
--
-- Leaves the lag, now - ARGV[4], for LAG_KEPT.
--
-- Atomic. Each order is checked as a whole before anything is written for it. Never: a longer hold for an order that
-- holds, some of the places, a place taken from a hold that has not lapsed or from a sale, a record that ended made to
-- hold again.
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
  for _, p in ipairs(ask.places) do
    if p >= room then return invalid('place ' .. p .. ' is outside the group') end
  end
end
sweep()

-- claimed[place] is the order of this call that holds it or waits for it. first[order] is the hash under which this call
-- found it TAKEN or AGAIN: of two bodies the earlier decides what the row is.
local claimed, first = {}, {}
local function claim(order, places)
  for _, p in ipairs(places) do claimed[p] = claimed[p] or order end
end

local function held(record)
  return {'HELD', record.heldAt, record.expiresAt, table.concat(record.places, ',')}
end

-- known answers from the order's own record, which speaks first; nil without one. A record that an end alone made has
-- no hash, and means that end.
local function known(ask)
  local record = readRecord(redis.call('HGET', ORDERS, ask.order))
  if record.state == 'none' then return nil end
  if record.hash ~= '-' and record.hash ~= ask.hash then return {'OTHER', '', '', ''} end
  if record.state == 'forwarded' then return {'FORWARDED', '', '', record.to} end
  if record.state ~= 'held' or record.lapses <= now then return {'GONE', '', '', ''} end
  claim(ask.order, record.places)
  return held(record)
end

local function decide(ask)
  local order, places = ask.order, ask.places
  local answer = known(ask)
  if answer then return answer end
  local wait = first[order] and first[order] ~= ask.hash
  for _, p in ipairs(places) do wait = wait or claimed[p] end
  if wait then
    first[order] = first[order] or ask.hash
    claim(order, places)
    return {'AGAIN', '', '', ''}
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
  if #taken > 0 then
    first[order] = first[order] or ask.hash
    return {'TAKEN', '', '', table.concat(taken, ',')}
  end
  local former = readOrders(formerIds)

  -- Nothing is refused from here on. What was still in the way has lapsed and the sweep did not get to it: its orders
  -- end with all their places, so that no order ever holds some of its seats.
  if #former > 0 then endOrders(former) end
  local expiresAt = now + length
  local record = {state = 'held', version = 0, hash = ask.hash, heldAt = now, expiresAt = expiresAt,
    lapses = expiresAt + lapseAfter, places = places}
  local entry, fields = 'held ' .. order .. ' ' .. text(record.lapses), {}
  for i, p in ipairs(places) do fields[2 * i - 1], fields[2 * i] = p, entry end
  redis.call('HSET', SEATS, unpack(fields))
  setMap(places, 1)
  redis.call('HSET', ORDERS, order, writeRecord(record))
  redis.call('ZADD', LAPSES, text(record.lapses), order)
  claim(order, places)
  return held(record)
end

local reply = {'OK', now}
for _, ask in ipairs(asks) do
  for _, part in ipairs(decide(ask)) do reply[#reply + 1] = part end
end
if sentAt > 0 then redis.call('SET', LAG, text(math.max(0, now - sentAt)), 'PX', LAG_KEPT) end
return reply
