-- Returns the value of the key; if the key is free, the claim acquires it and the result is 1.
-- KEYS[1] the key. ARGV: the value of the claim, and the duration of the lease in ms.
local found = redis.call('GET', KEYS[1])
if found then
  return found
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
