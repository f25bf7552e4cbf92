-- Frees the key if it is held by the claim; says whether it was.
-- KEYS[1] the key. ARGV: the value of the claim.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
