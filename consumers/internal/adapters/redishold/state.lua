-- state: the group at one instant, for a repair. It writes nothing and sweeps nothing.
--
-- ARGV[1] layout version
--
-- returns {'OK', now, revision, map, lapsed, {place, entry, …}, {order, record, …}}
--           lapsed   so many orders hold something past its lapse; their entries are among the rest
--           records  those of the orders that have a place; one that has none is missing. There may be many thousands of
--                    orders that are over, and a repair needs none of them
--         {'NOT_LOADED', now}   nothing is known of the group, or it is there in another layout version
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
