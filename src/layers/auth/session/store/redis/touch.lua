-- Changes the expiry of a session, and nothing else, if the session exists. Returns whether it exists.
-- If the first two bytes of the expiry change, the index of its owner has to be updated first: unless
-- the caller passes the owner, which means that it has done so, the script only returns the owner.
-- KEYS[1] the session. ARGV: the serialized expiry, the time until then in ms, and the owner or ''.
-- commands.rs describes the format.
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
