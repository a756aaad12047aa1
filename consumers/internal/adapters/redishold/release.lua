-- release: what the order holds becomes free, because its row has ended.
--
-- ARGV[1] layout version; 0 for an order whose row names none: then whichever the group is there in
-- ARGV[2] order   ARGV[3] version of the order's row, at least 1
--
-- returns {'OK', now, places}   these became free ('' when there was nothing to free); the record is ended under this
--                               version, also if there was none: a hold that comes late finds the order over
--         {'STALE', now}        a later version was applied here before; nothing was written. Not an error
--         {'NOT_LOADED', now}   nothing is known of the group, or it is there in another layout version
--
-- Atomic, and the same again is harmless: it only keeps the record longer. Never: a sold place made free, nor one that
-- another order holds.
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
