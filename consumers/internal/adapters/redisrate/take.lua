-- take takes one token for a call, or returns the time to the caller's turn if there is none. memrate does the same in Go.
--
-- Go puts clock.lua before it, which sets now in Unix microseconds. All numbers are whole; tokens are counted in millionths,
-- so a bucket with n tokens a second gains n millionths in a microsecond.
--
-- KEYS[1]  the bucket, a hash: level, at (when it had that level), and for each class that was refused turn:CLASS, the
--          instant of its next turn. A bucket that is not there is full
-- ARGV[1]  class   ARGV[2] tokens a second, at least 1   ARGV[3] capacity   ARGV[4] tokens that the class leaves in the bucket
-- ARGV[5]  longest wait, microseconds
--
-- returns  0     a token was taken
--          wait  microseconds until the caller's turn, at most ARGV[5]; no token was taken
--
-- Atomic. Not safe to repeat: a repeat is another call, so a lost answer costs one token. The key expires when no call came
-- for longer than the bucket takes to fill and any turn to pass.
local TOKEN = 1000000
local class, rate, capacity, left, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

-- text writes a whole number; tostring would write large ones as 1e+15.
local function text(n) return string.format('%.0f', n) end
local function up(n, by) return math.ceil(n / by) end

local had = redis.call('HMGET', KEYS[1], 'level', 'at', 'turn:' .. class)
local level, at, turn = tonumber(had[1] or capacity), tonumber(had[2] or now), tonumber(had[3] or 0)
-- A clock that goes back, as that of a promoted replica may, adds no tokens and takes none.
level = math.min(capacity, level + math.max(0, now - at) * rate)

local wait = 0
if level - left >= TOKEN then
  level = level - TOKEN
else
  turn = math.max(turn, now + up(left + TOKEN - level, rate))
  wait = turn - now
  if wait > most then
    wait = most
  else
    redis.call('HSET', KEYS[1], 'turn:' .. class, text(turn + up(TOKEN, rate)))
  end
end
redis.call('HSET', KEYS[1], 'level', text(level), 'at', text(now))
redis.call('PEXPIRE', KEYS[1], 60000 + math.ceil(most / 1000))
return wait
