-- repair gives orders the places that rows and tickets say they have: each order as a whole, and only if nothing has
-- happened to it since the caller read the group.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version   ARGV[2] epoch in which the group was read (kept as text)
-- ARGV[3]  time from the end of a hold to its lapse, ms
-- then for each order: order, version of its row or 0, request hash or '-', what it shall have: 'free', 'held', 'sold';
--   heldAt, D (for held, else 0), places '3,0,12' or '-', number n of places that were read
--   then n times: place, its entry as it was read or 'free'. These are all places of the order and all it shall have
--
-- returns  {'OK', now, done, skipped, displaced}  orders, 'a,b' each: those written; those left unchanged; those whose holds
--                            a sale displaced
--          {'CHANGED', now}  the group was loaded again since it was read; nothing was written
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- An order is skipped when a place is not as it was read, the order has a place that was not read, a later version was
-- applied, it shall hold a place that is not free or whose D + lapse is past, or it shall own a place that this call has
-- already given away. A written order has exactly its places: held as its row says; sold, also over another order's hold or
-- sale (its ticket or its paid row was read); or none, with the record ended under the version. Without a row the record is
-- deleted: the order may still come. A hold is displaced with all its places, as in sell; a sale loses only the places that
-- were sold, and its record ends when none is left.
--
-- Atomic; a repeat skips the order or changes nothing. Never: some of an order's places, an older version over a later one,
-- a part of a hold left.
if not versioned then return invalid('layout version') end
local epochSeen, lapseAfter = ARGV[2], whole(ARGV[3])
if not epochSeen or #epochSeen > 19 or not epochSeen:find('^[1-9]%d*$') then return invalid('epoch') end
if not lapseAfter then return invalid('lapse') end

-- entrySeen reports whether s is an entry as the caller may have read it, or 'free'.
local function entrySeen(s, order, version)
  if s == 'free' then return true end
  local owner = s:match('^sold (%S+)$')
  if owner then return word(owner) end
  local lapses
  owner, lapses = s:match('^held (%S+) (%d+)$')
  return owner and word(owner) and whole(lapses) and (owner ~= order or version > 0)
end

-- changeAt reads the change that begins at ARGV[at]; nil if it is invalid.
local function changeAt(at)
  local c = {order = ARGV[at], version = whole(ARGV[at + 1]), hash = ARGV[at + 2], want = ARGV[at + 3],
    heldAt = whole(ARGV[at + 4]), expiresAt = whole(ARGV[at + 5]), wanted = {}, seen = {}, own = {}}
  local count = whole(ARGV[at + 7])
  if not count or count < 1 or at + 7 + 2 * count > #ARGV then return nil end
  if not word(c.order) or not word(c.hash) or not c.version or not c.heldAt or not c.expiresAt then return nil end
  if c.want == 'free' then
    c.places = ARGV[at + 6] == '-' and {} or nil
  elseif c.want == 'sold' or c.want == 'held' and c.hash ~= '-' and c.heldAt > 0 and c.expiresAt >= c.heldAt then
    c.places = c.version > 0 and placesOf(ARGV[at + 6]) or nil
  end
  if not c.places then return nil end
  c.next = at + 8 + 2 * count
  for i = at + 8, c.next - 2, 2 do
    local p, entry = whole(ARGV[i]), ARGV[i + 1]
    if not p or p >= MAX_PLACES or c.seen[p] or not entrySeen(entry, c.order, c.version) then return nil end
    if loaded and p >= room then return nil end
    c.seen[p] = entry
    if entry ~= 'free' and entry:match('^%a+ (%S+)') == c.order then c.own[#c.own + 1] = p end
  end
  for _, p in ipairs(c.places) do
    if not c.seen[p] then return nil end
    c.wanted[p] = true
  end
  return c
end

local changes, ids, byId, touched = {}, {}, {}, {}
local at = 4
while at <= #ARGV do
  local c = changeAt(at)
  if not c or byId[c.order] then return invalid('change ' .. at) end
  byId[c.order] = true
  changes[#changes + 1], ids[#ids + 1] = c, c.order
  for p in pairs(c.seen) do touched[p] = true end
  at = c.next
end
if #changes == 0 or #changes > MAX_PLACES then return invalid('number of changes') end
if not loaded then return {'NOT_LOADED', now} end
if epoch ~= epochSeen then return {'CHANGED', now} end
sweep()

-- Everything is read before anything is written. began is the state when the call began and stays; present changes with
-- each change that is written. owners has the order of each place, places the number of places of each order.
local began, present, owners, places = {}, {}, {}, {}
local flat = redis.call('HGETALL', SEATS)
for i = 1, #flat, 2 do
  local p = whole(flat[i])
  local _, owner = readEntry(flat[i + 1])
  if not p or p >= MAX_PLACES then error('place does not parse: ' .. flat[i]) end
  began[p], present[p], owners[p] = flat[i + 1], flat[i + 1], owner
  places[owner] = (places[owner] or 0) + 1
  if touched[p] and not byId[owner] then
    byId[owner] = true
    ids[#ids + 1] = owner
  end
end
local records = {}
for _, o in ipairs(readOrders(ids)) do records[o.id] = o.record end

-- given has the places that this call has already given to an order.
local given = {}
local function mayBeDone(c)
  if records[c.order].version > c.version then return false end
  for p, entry in pairs(c.seen) do
    if (began[p] or 'free') ~= entry then return false end
  end
  if #c.own ~= (places[c.order] or 0) then return false end
  if c.want == 'held' and c.expiresAt + lapseAfter <= now then return false end
  for _, p in ipairs(c.places) do
    if given[p] or c.want == 'held' and present[p] and owners[p] ~= c.order then return false end
  end
  return true
end

-- without deletes lost places from the record of the order that owned them. An order that a load sold to has no record.
local function without(id, lost)
  local record = records[id]
  if record.state ~= 'sold' then return end
  local left = except(record.places, lost)
  if #left == #record.places then return end
  record.places = left
  if #left > 0 then
    redis.call('HSET', ORDERS, id, writeRecord(record))
  else
    endOrders({{id = id, record = record}})
  end
end

-- giveWay removes what other orders have on the places of a change: whole holds, but only these places of a sale.
local displaced, named = {}, {}
local function giveWay(c)
  local lost, sellers, held, holders = {}, {}, {}, {}
  for _, p in ipairs(c.places) do
    local owner = present[p] and owners[p]
    if owner and owner ~= c.order then
      if readEntry(present[p]) == 'held' then
        if not held[owner] then
          held[owner] = true
          holders[#holders + 1] = {id = owner, record = records[owner]}
        end
      else
        if not lost[owner] then
          lost[owner] = {}
          sellers[#sellers + 1] = owner
        end
        lost[owner][p] = true
      end
    end
  end
  for _, p in ipairs(displace(holders)) do present[p] = nil end
  for _, o in ipairs(holders) do
    records[o.id] = readRecord(false)
    if not named[o.id] then
      named[o.id] = true
      displaced[#displaced + 1] = o.id
    end
  end
  for _, id in ipairs(sellers) do without(id, lost[id]) end
end

local function writePlaces(c, lapses)
  local left, fields, changed = {}, {}, {}
  for _, p in ipairs(c.own) do
    if not c.wanted[p] and present[p] and owners[p] == c.order then
      left[#left + 1] = p
      present[p] = nil
    end
  end
  local entry = c.want == 'sold' and 'sold ' .. c.order or 'held ' .. c.order .. ' ' .. text(lapses)
  for _, p in ipairs(c.places) do
    given[p] = true
    if present[p] ~= entry then
      changed[#changed + 1] = p
      fields[#fields + 1], fields[#fields + 2] = p, entry
      present[p], owners[p] = entry, c.order
    end
  end
  free(left)
  if #fields > 0 then redis.call('HSET', SEATS, unpack(fields)) end
  setMap(changed, c.want == 'sold' and 2 or 1)
end

local function write(c)
  local record = records[c.order]
  -- The lapse of an existing hold never moves to an earlier time: a late load may have set it later than D + lapseAfter.
  local lapses = c.expiresAt + lapseAfter
  if record.state == 'held' then lapses = math.max(lapses, record.lapses) end
  giveWay(c)
  writePlaces(c, lapses)
  record.version = c.version
  if c.hash ~= '-' then record.hash = c.hash end
  record.places, record.to = c.places, nil
  if c.want == 'free' then
    endOrders({{id = c.order, record = record}})
    if c.version == 0 then
      redis.call('HDEL', ORDERS, c.order)
      redis.call('ZREM', ENDS, c.order)
      records[c.order] = readRecord(false)
    end
    return
  end
  record.state, record.lapses = c.want, 0
  redis.call('ZREM', ENDS, c.order)
  if c.want == 'held' then
    record.heldAt, record.expiresAt, record.lapses = c.heldAt, c.expiresAt, lapses
    redis.call('ZADD', LAPSES, text(lapses), c.order)
  else
    redis.call('ZREM', LAPSES, c.order)
  end
  redis.call('HSET', ORDERS, c.order, writeRecord(record))
end

local done, skipped = {}, {}
for _, c in ipairs(changes) do
  local list = skipped
  if mayBeDone(c) then
    write(c)
    list = done
  end
  list[#list + 1] = c.order
end
return {'OK', now, table.concat(done, ','), table.concat(skipped, ','), table.concat(displaced, ',')}
