-- state reads the group at one instant, for a repair. It writes nothing and does not sweep.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version
--
-- returns  {'OK', now, revision, map, lapsed, {place, entry, …}, {order, record, …}}
--            lapsed   number of orders that hold something past its lapse; their entries are in the list
--            records  those of the orders that have a place, without those that have no record. Records of orders without a
--                     place are left out: there may be many thousands, and a repair needs none of them
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- Atomic. Go calls it with EVALSHA_RO, so Redis refuses a write.
if not versioned then return invalid('layout version') end
if #ARGV ~= 1 then return invalid('one argument') end
if not loaded then return {'NOT_LOADED', now} end

local entries = redis.call('HGETALL', SEATS)
local ids, known = {}, {}
for i = 2, #entries, 2 do
  local _, owner = readEntry(entries[i])
  if not known[owner] then
    known[owner] = true
    ids[#ids + 1] = owner
  end
end
local records = {}
if #ids > 0 then
  for i, record in ipairs(redis.call('HMGET', ORDERS, unpack(ids))) do
    if record then
      records[#records + 1] = ids[i]
      records[#records + 1] = record
    end
  end
end
return {'OK', now, revision, redis.call('GET', MAP), redis.call('ZCOUNT', LAPSES, '-inf', now), entries, records}
