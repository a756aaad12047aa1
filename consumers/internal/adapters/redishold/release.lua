-- release frees what an order holds, because its row has ended.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version; 0 for an order whose row has none: then the version in which the group is loaded
-- ARGV[2]  order   ARGV[3] version of its row, at least 1
--
-- returns  {'OK', now, places}  the freed places ('' for none). The record has ended under this version; it is made if there
--                               was none, so that a late hold finds the order ended
--          {'STALE', now}       a later version was applied here before; nothing was written. Not an error
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- Atomic, and safe to repeat: that only keeps the record longer. Never: a sold place freed, or one that another order holds.
local any = ARGV[1] == '0'
if not versioned and not any then return invalid('layout version') end
local order, version = ARGV[2], whole(ARGV[3])
if #ARGV ~= 3 or not word(order) then return invalid('order') end
if not version or version < 1 then return invalid('version') end
if not loaded and not (any and epoch) then return {'NOT_LOADED', now} end
sweep()

local own = readOrders({order})
local record = own[1].record
if record.version > version then return {'STALE', now} end
record.version = version
return {'OK', now, table.concat(endOrders(own), ',')}
