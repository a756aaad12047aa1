-- sweep: what every script does first, alone: it ends at most SWEEP_LIMIT lapsed orders.
--
-- returns {'OK', now, left}     so many orders still hold something past its lapse
--         {'NOT_LOADED', now}   nothing is known of the group
--
-- Atomic, and the same again is harmless.
if #ARGV ~= 0 then return invalid('no argument') end
if not epoch then return {'NOT_LOADED', now} end
sweep()
return {'OK', now, redis.call('ZCOUNT', LAPSES, '-inf', now)}
