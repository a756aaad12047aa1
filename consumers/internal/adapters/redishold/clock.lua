-- now is the server's time in Unix milliseconds. It is the only clock of every script: no client's time decides anything.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
