-- Writes a value, if the key is free or held by the claim; returns whether the key has it. It may
-- have it already, if the reply to the same call was lost.
-- KEYS[1] the key. ARGV: the value of the claim, the new value, and its time to live in ms.
local found = redis.call('GET', KEYS[1])
if found and found ~= ARGV[1] then
  return found == ARGV[2] and 1 or 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
