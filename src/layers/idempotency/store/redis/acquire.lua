-- The value of the key; if it is free, it is held by the claim from now on.
-- KEYS[1] the key. ARGV: the value of the claim, and the time of the lease in ms.
local found = redis.call('GET', KEYS[1])
if found then
  return found
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
