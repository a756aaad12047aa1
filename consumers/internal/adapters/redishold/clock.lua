-- now: Unix milliseconds by the server's clock. The only clock of every script: no client's time ever decides.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
