-- sweep does only what other scripts do first: it ends at most SWEEP_LIMIT lapsed orders.
--
-- KEYS     those of prelude.lua
-- ARGV[1]  layout version
--
-- returns  {'OK', now, left}  left is the number of orders that still hold something past its lapse
--          {'INVALID', now, text}, {'NOT_LOADED', now}
--
-- Atomic, and safe to repeat.
if not versioned then return invalid('layout version') end
if #ARGV ~= 1 then return invalid('one argument') end
if not loaded then return {'NOT_LOADED', now} end
sweep()
return {'OK', now, redis.call('ZCOUNT', LAPSES, '-inf', now)}
