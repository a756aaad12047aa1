-- The first part of every script of a seat group. Go puts two things before it: clock.lua, which sets now, and a line with
-- the constants SWEEP_LIMIT, RECORD_KEPT (ms), MAX_PLACES and LAG_KEPT (ms). contracts/seatstate defines the codings.
--
-- KEYS[1..8]  rev map seats orders lapses ends lock lag: seatstate.Keys.All(), all with one hash tag
-- ARGV[1]     layout version that the places of the call belong to
-- returns     an array: a word, now, and the result of the script. Every script but unlock may return
--             {'INVALID', now, text}  the arguments are wrong whatever the state of the group is; nothing was written
--             and every script but unlock and load
--             {'NOT_LOADED', now}     the group is not loaded, or is loaded in another layout version; nothing was written
--
-- Lua has no rollback. So a script reads and checks its arguments, then sweeps, which is a complete step of its own, then
-- makes all its checks, then writes. Nothing is refused between two writes. Data of another coding under a key of the group
-- raises a Lua error.
local REV, MAP, SEATS, ORDERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local LAPSES, ENDS, LOCK, LAG = KEYS[5], KEYS[6], KEYS[7], KEYS[8]

-- epoch, rev and layout are the revision of the group before this call; nil if it is not loaded. A group that was loaded
-- before revisions had a layout version gets version 0, which no layout has.
-- room is the number of places that the map has bytes for.
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

-- versioned: ARGV[1] is a layout version. It stays text: it is compared, never used in arithmetic.
local versioned = ARGV[1] ~= nil and #ARGV[1] <= 19 and ARGV[1]:find('^[1-9]%d*$') ~= nil

-- loaded: the group is loaded in the layout version of the call. In another version a place means another seat, so the group
-- counts as not loaded.
local loaded = epoch ~= nil and layout == ARGV[1]

-- whole reads a decimal that a Lua number holds exactly; nil for anything else. tonumber alone would accept 0x10, 1e3, ' 7'.
local function whole(s)
  if s and #s <= 15 and s:find('^%d+$') then return tonumber(s) end
end

-- text writes a whole number; tostring would write large ones as 1e+15.
local function text(n) return string.format('%.0f', n) end

-- word reports whether s can be one part of an entry or a record.
local function word(s) return s ~= nil and #s <= 64 and s:find('^[%w_%-]+$') ~= nil end

-- placesOf reads '3,0,12'; nil if it is not a list of places or has one twice.
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

-- except returns the places that are not keys of the table gone, in their order.
local function except(places, gone)
  local left = {}
  for _, p in ipairs(places) do
    if not gone[p] then left[#left + 1] = p end
  end
  return left
end

local function invalid(what) return {'INVALID', now, what} end

-- outside returns the reply INVALID if a place is outside the loaded group, else nil.
local function outside(places)
  for _, p in ipairs(places) do
    if p >= room then return invalid('place ' .. p .. ' is outside the group') end
  end
end

-- orderPlaces reads the arguments of sell and restore: ARGV[2] order, ARGV[3] version of its row, at least 1, ARGV[4] places
-- '3,0,12'. Returns the reply INVALID or NOT_LOADED to end with; or nil, then order, version and places.
local function orderPlaces()
  if not versioned then return invalid('layout version') end
  local order, version, places = ARGV[2], whole(ARGV[3]), placesOf(ARGV[4])
  if #ARGV ~= 4 or not word(order) then return invalid('order') end
  if not version or version < 1 then return invalid('version') end
  if not places then return invalid('places') end
  if not loaded then return {'NOT_LOADED', now} end
  return outside(places), order, version, places
end

-- readRecord is seatstate.ParseRecord, and as strict: a record that is not understood must not be overwritten. An order
-- without a record (false) gets one with state 'none'.
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

-- answerOf is the answer that an order's record gives to hold and forward, as four parts: word, heldAt, D, places or where it
-- was sent. nil without a record. A record without a hash was made by a release before any hold: it says GONE to every hash.
local function answerOf(record, hash)
  if record.state == 'none' then return nil end
  if record.hash ~= '-' and record.hash ~= hash then return {'OTHER', '', '', ''} end
  if record.state == 'forwarded' then return {'FORWARDED', '', '', record.to} end
  if record.state ~= 'held' or record.lapses <= now then return {'GONE', '', '', ''} end
  return {'HELD', record.heldAt, record.expiresAt, table.concat(record.places, ',')}
end

-- readEntry returns state, order and lapse (nil when sold).
local function readEntry(s)
  local state, order, lapses = s:match('^(%a+) (%S+) ?(%d*)$')
  if not state then error('seat entry does not parse: ' .. s) end
  return state, order, tonumber(lapses)
end

-- setMap sets the state of places in the map. The first change of a call raises the revision by one.
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

-- heldBy returns the places that orders hold, never a sold one, in the order of the records. list has {id = , record = }.
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

-- free deletes the entries of places.
local function free(places)
  if #places > 0 then redis.call('HDEL', SEATS, unpack(places)) end
  setMap(places, 0)
end

-- endOrders ends orders in this group; list has {id = , record = }. It frees the places that they hold, never a sold one, and
-- keeps the records as ended for RECORD_KEPT from now, so that a late message for such an order finds it ended. An ended
-- record keeps its version, hash and times and lists no places. Reads and checks everything before it writes.
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

-- displace deletes whole holds, because one place of each was sold and the rest is of no use to the order; list has
-- {id = , record = }. It deletes their records too, so that the hold can be made again if the sale is withdrawn. Reads and
-- checks everything before it writes. Returns the freed places.
local function displace(list)
  local freed, ids = heldBy(list), {}
  if #list == 0 then return freed end
  for i, o in ipairs(list) do ids[i] = o.id end
  free(freed)
  redis.call('HDEL', ORDERS, unpack(ids))
  redis.call('ZREM', LAPSES, unpack(ids))
  return freed
end

-- readOrders reads the records of ids, as the list that endOrders and displace take.
local function readOrders(ids)
  local list = {}
  if #ids == 0 then return list end
  local records = redis.call('HMGET', ORDERS, unpack(ids))
  for i, id in ipairs(ids) do list[i] = {id = id, record = readRecord(records[i])} end
  return list
end

-- sweep ends at most SWEEP_LIMIT lapsed orders and deletes at most SWEEP_LIMIT records whose time is over, the earliest
-- first. The limit bounds the work of one call; what is left counts as lapsed all the same.
local function sweep()
  local due = redis.call('ZRANGEBYSCORE', LAPSES, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  local over = redis.call('ZRANGEBYSCORE', ENDS, '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
  if #due > 0 then endOrders(readOrders(due)) end
  if #over > 0 then
    redis.call('ZREM', ENDS, unpack(over))
    redis.call('HDEL', ORDERS, unpack(over))
  end
end
