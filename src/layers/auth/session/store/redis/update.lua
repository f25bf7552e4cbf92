-- Changes the data of a session that is there, and nothing else of it. Says whether it is there.
-- KEYS[1] the session. ARGV: its data. How it is written: see value.rs.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 40)
if type(head) == 'table' then
  return head
end
local length = ({9, 41})[head:byte()]
if not length or #head < length then
  return 0
end
local set = redis.pcall('SET', KEYS[1], head:sub(1, length) .. ARGV[1], 'KEEPTTL')
return set.err and set or 1
