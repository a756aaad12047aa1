-- now: Unix microseconds by the server's clock: the instances' clocks differ by more than a token takes to come.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
