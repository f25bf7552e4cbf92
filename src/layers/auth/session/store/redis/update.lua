-- Changes the data of a session that is there and has the data that are expected, and nothing else of it.
-- Says whether it has changed them.
-- KEYS[1] the session. ARGV: its new data, and those that it must have. How it is written: see commands.rs.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 40)
if type(head) == 'table' then
  return head
end
local length = ({9, 41})[head:byte()]
if not length or #head < length then
  return 0
end
-- One byte more than expected, so that longer data differ.
local data = redis.call('GETRANGE', KEYS[1], length, length + #ARGV[2])
if data ~= ARGV[2] then
  return 0
end
local set = redis.pcall('SET', KEYS[1], head:sub(1, length) .. ARGV[1], 'KEEPTTL')
return set.err and set or 1
