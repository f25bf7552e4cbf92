-- Changes when a session ends that is there, and nothing else of it. Says whether it is there.
-- If the index of its owner has to be changed first, it does nothing and says who the owner is: that is so
-- if the first two bytes of its end change, in which case the caller says that it knows the owner.
-- KEYS[1] the session. ARGV: its end as it is written, in how many ms that is, and its owner or ''.
-- How it is written: see commands.rs.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 40)
if type(head) == 'table' then
  return head
end
local version = head:byte()
local length = ({9, 41})[version]
if not length or #head < length then
  return 0
end
local indexed = head:sub(2, 3) == ARGV[1]:sub(1, 2)
if version == 2 and not indexed and head:sub(10) ~= ARGV[3] then
  return head:sub(10)
end
local set = redis.pcall('SETRANGE', KEYS[1], 1, ARGV[1])
if type(set) == 'table' then
  return set
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
