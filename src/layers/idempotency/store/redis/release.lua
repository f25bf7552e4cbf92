-- Frees the key if the claim holds it; returns whether it did.
-- KEYS[1] the key. ARGV: the value of the claim.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
