-- Changes the data of a session, and nothing else, if the session exists and has the expected data.
-- Returns whether it changed the data.
-- KEYS[1] the session. ARGV: the new data and the expected data. commands.rs describes the format.
local head = redis.pcall('GETRANGE', KEYS[1], 0, 40)
if type(head) == 'table' then
  return head
end
local length = ({9, 41})[head:byte()]
if not length or #head < length then
  return 0
end
-- Reads one byte more than expected, so that longer data does not match.
local data = redis.call('GETRANGE', KEYS[1], length, length + #ARGV[2])
if data ~= ARGV[2] then
  return 0
end
local set = redis.pcall('SET', KEYS[1], head:sub(1, length) .. ARGV[1], 'KEEPTTL')
return set.err and set or 1
