-- now is the server's time in Unix microseconds: clocks of instances differ by more than the time in which a token is
-- added.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
