-- Adds a session to the index of its owner: a sorted set of session ids, scored by expiry.
-- KEYS[1] the set. ARGV: the id, its expiry, now, and how long after its expiry an id is kept, to
-- allow for clock skew; all times in ms.
local ends, now, grace = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not known or tonumber(known) < ends then
  redis.call('ZADD', KEYS[1], ends, ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - grace)
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
if last then
  redis.call('PEXPIRE', KEYS[1], math.max(tonumber(last) - now, 0) + grace)
end
return 1
