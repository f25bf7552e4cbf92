-- Writes a value, if the key is free or held by the claim; returns whether it did.
-- KEYS[1] the key. ARGV: the value of the claim, the new value, and its time to live in ms.
local found = redis.call('GET', KEYS[1])
if found and found ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
