-- What every script of a seat group begins with. Go puts before it: clock.lua (now) and the constants SWEEP_LIMIT,
-- RECORD_KEPT (ms), MAX_PLACES and LAG_KEPT (ms). The codings are those of contracts/seatstate.
--
-- KEYS[1..8]  rev map seats orders lapses ends lock lag: seatstate.Keys.All(), all of one hash tag
-- ARGV[1]     layout version that the places of the call are of
-- returns     an array: a word, now, and what the script says besides; or
--             {'INVALID', now, text}  an argument that no state of the group could answer
--
-- Lua has no rollback. So a script reads and checks its arguments, then sweeps, which is a whole step of its own, then
-- makes all its checks, then writes. Between two writes nothing can be refused.
local REV, MAP, SEATS, ORDERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local LAPSES, ENDS, LOCK, LAG = KEYS[5], KEYS[6], KEYS[7], KEYS[8]

-- epoch, rev and layout are those of the group before this call; nil when it is not there. A group that was loaded before
-- revisions had a layout version is of version 0, which no layout has.
-- room is how many places the map has bytes for.
local epoch, rev, layout, room
local revision = redis.call('GET', REV)
if revision then
  epoch, rev, layout = revision:match('^(%d+)%.(%d+)%.(%d+)$')
  if not epoch then
    epoch, rev = revision:match('^(%d+)%.(%d+)$')
    layout = '0'
  end
  if not epoch then error('revision does not parse: ' .. revision) end
  room = 4 * redis.call('STRLEN', MAP)
end

-- versioned: the call names a layout version. It is kept as text: it is compared and not counted with.
local versioned = ARGV[1] ~= nil and #ARGV[1] <= 19 and ARGV[1]:find('^[1-9]%d*$') ~= nil

-- loaded: the group is there, and its places are those that the call means. In another layout version a place is another
-- seat, so that the group counts as not loaded.
local loaded = epoch ~= nil and layout == ARGV[1]

-- whole reads a decimal that a Lua number holds exactly; nil for anything else. tonumber alone would take 0x10, 1e3, ' 7'.
local function whole(s)
  if s and #s <= 15 and s:find('^%d+$') then return tonumber(s) end
end

-- text writes a whole number; tostring would turn the great ones into 1e+15.
local function text(n) return string.format('%.0f', n) end

-- word: what an entry or a record can hold as one part.
local function word(s) return s ~= nil and #s <= 64 and s:find('^[%w_%-]+$') ~= nil end

-- placesOf reads '3,0,12'; nil if that is no list of places or has one twice.
local function placesOf(list)
  local out, seen = {}, {}
  for part in ((list or '') .. ','):gmatch('([^,]*),') do
    local p = whole(part)
    if not p or p >= MAX_PLACES or seen[p] then return nil end
    seen[p] = true
    out[#out + 1] = p
  end
  return out
end

local function invalid(what) return {'INVALID', now, what} end

-- readRecord is seatstate.ParseRecord, strict for the same reason: a record that is not understood must not be written
-- over. An order without a record (false) reads as one that nothing is known of.
local function readRecord(s)
  if not s then
    return {state = 'none', version = 0, hash = '-', heldAt = 0, expiresAt = 0, lapses = 0, places = {}}
  end
  local state, version, hash, heldAt, expiresAt, lapses, places =
    s:match('^(%a+) (%d+) (%S+) (%d+) (%d+) (%d+) (%S+)$')
  if state == 'forwarded' then
    return {state = state, version = tonumber(version), hash = hash, heldAt = 0, expiresAt = 0, lapses = 0, places = {},
      to = places}
  end
  local list = places == '-' and {} or placesOf(places)
  if not state or not list then error('order record does not parse: ' .. s) end
  return {state = state, version = tonumber(version), hash = hash, heldAt = tonumber(heldAt),
    expiresAt = tonumber(expiresAt), lapses = tonumber(lapses), places = list}
end

local function writeRecord(r)
  return table.concat({r.state, text(r.version), r.hash, text(r.heldAt), text(r.expiresAt), text(r.lapses),
    r.to or (#r.places > 0 and table.concat(r.places, ',') or '-')}, ' ')
end

-- readEntry gives state, order and lapse (nil when sold).
local function readEntry(s)
  local state, order, lapses = s:match('^(%a+) (%S+) ?(%d*)$')
  if not state then error('seat entry does not parse: ' .. s) end
  return state, order, tonumber(lapses)
end

-- setMap writes one state for the places, and on the first change of a call moves the revision by one.
local moved = false
local function setMap(places, state)
  if #places == 0 then return end
  local args = {}
  for _, p in ipairs(places) do
    args[#args + 1] = 'SET'
    args[#args + 1] = 'u2'
    args[#args + 1] = '#' .. p
    args[#args + 1] = state
  end
  redis.call('BITFIELD', MAP, unpack(args))
  if moved then return end
  moved = true
  redis.call('SET', REV, epoch .. '.' .. text(tonumber(rev) + 1) .. '.' .. layout)
end

-- heldBy reads the places that orders hold, given as {id = , record = }: never a sold one. In the order of the records.
local function heldBy(list)
  local places, owners = {}, {}
  for _, o in ipairs(list) do
    for _, p in ipairs(o.record.places) do
      places[#places + 1] = p
      owners[#owners + 1] = o.id
    end
  end
  local held = {}
  if #places > 0 then
    local entries = redis.call('HMGET', SEATS, unpack(places))
    for i, p in ipairs(places) do
      if entries[i] then
        local state, owner = readEntry(entries[i])
        if state == 'held' and owner == owners[i] then held[#held + 1] = p end
      end
    end
  end
  return held
end

-- free takes the entries of places away.
local function free(places)
  if #places > 0 then redis.call('HDEL', SEATS, unpack(places)) end
  setMap(places, 0)
end

-- endOrders ends orders here, given as {id = , record = }: frees the places that are held by them, never a sold one,
-- and leaves the records, ended, for RECORD_KEPT from now, so that what comes late for such an order meets it. An
-- ended record keeps its version, hash and times and lists no places. Reads and checks everything, then writes.
-- Returns the freed places, in the order of the records.
local function endOrders(list)
  local freed = heldBy(list)
  local records, ends, ids = {}, {}, {}
  for i, o in ipairs(list) do
    o.record.state, o.record.places, o.record.to = 'ended', {}, nil
    ids[i] = o.id
    records[2 * i - 1], records[2 * i] = o.id, writeRecord(o.record)
    ends[2 * i - 1], ends[2 * i] = text(now + RECORD_KEPT), o.id
  end
  free(freed)
  redis.call('ZREM', LAPSES, unpack(ids))
  redis.call('HSET', ORDERS, unpack(records))
  redis.call('ZADD', ENDS, unpack(ends))
  return freed
end

-- displace takes whole holds away, given as {id = , record = }, because one of their places was sold: what is left of
-- them is of no use to their orders. These are not known any more, so that their holds may be made again should the sale
-- be withdrawn. Reads and checks everything, then writes. Returns the freed places.
local function displace(list)
  local freed, ids = heldBy(list), {}
  if #list == 0 then return freed end
  for i, o in ipairs(list) do ids[i] = o.id end
  free(freed)
  redis.call('HDEL', ORDERS, unpack(ids))
  redis.call('ZREM', LAPSES, unpack(ids))
  return freed
end

-- readOrders reads the records of ids into the form of endOrders.
local function readOrders(ids)
  local list = {}
  if #ids == 0 then return list end
  local records = redis.call('HMGET', ORDERS, unpack(ids))
  for i, id in ipairs(ids) do list[i] = {id = id, record = readRecord(records[i])} end
  return list
end

-- sweep ends at most SWEEP_LIMIT lapsed orders and drops at most SWEEP_LIMIT records that were kept long enough, the
-- earliest first. It bounds the work of one call; what it leaves counts as lapsed all the same.
local function sweep()
  local due = redis.call('ZRANGEBYSCORE', LAPSES, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  local over = redis.call('ZRANGEBYSCORE', ENDS, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  if #due > 0 then endOrders(readOrders(due)) end
  if #over > 0 then
    redis.call('ZREM', ENDS, unpack(over))
    redis.call('HDEL', ORDERS, unpack(over))
  end
end
