-- sweep: what every script does first, alone: it ends at most SWEEP_LIMIT lapsed orders.
--
-- ARGV[1] layout version
--
-- returns {'OK', now, left}     so many orders still hold something past its lapse
--         {'NOT_LOADED', now}   nothing is known of the group, or it is there in another layout version
--
-- Atomic, and the same again is harmless.
if not versioned then return invalid('layout version') end
if #ARGV ~= 1 then return invalid('one argument') end
if not loaded then return {'NOT_LOADED', now} end
sweep()
return {'OK', now, redis.call('ZCOUNT', LAPSES, '-inf', now)}
