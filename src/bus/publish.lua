-- The only writer of a project's news (PROTOCOL B1). Atomic: sequence, append, remember, publish.
--
-- KEYS  1 tallyroom:{<project>}:meta         hash { epoch, seq, id, n }, o: last outbox item of this epoch, p: of the one before; and what
--                                            must be there: l: latest values, i, j: the last buckets with ids, x: a stream until then (ms)
--       2 tallyroom:{<project>}:stream       stream, entry <seq>-0 { i: id, t: type, a: at (ms), b: body }
--       3 tallyroom:{<project>}:latest       hash key -> "<version> <at (ms)> <type>\n<body>"
--       4 tallyroom:{<project>}:ids:<bucket>     hash id -> seq; bucket = floor(unix seconds / 600)
--       5 tallyroom:{<project>}:ids:<bucket-1>
--       6 tallyroom:{<project>}:live         the channel
-- ARGV  1 "1"  version of this interface
--       2 now, unix ms of the caller: it chose the bucket by it. What is published is stamped with the time of Redis
--       3 "publish" | "spublish"
--       4 count, 0 to 1000; 0 only makes an epoch where there is none. With a fifth: and ends that epoch, if it is the present one (B5)
--       then five per item: kind, type, id or key, version, body
--         kind "e"  event. version "": the id came with the publication and is remembered; "n": made for it just now, not remembered
--         kind "l"  latest value. version "": stored + 1. After an "o" item it belongs to that: refused if that was not taken
--         kind "o<number>"  event from the outbox: taken if number = o + 1, o being 0 where this epoch has taken none yet. "s<number>": the first
--              that an epoch takes, whatever its number. version "": it is published
--              nowhere else; "i": its id came with a publication, and counts as that of an "e"; "d": the same, and its id may stand in the stream
--              already without being remembered. One that is known is taken, for its number, and answered "d:<seq>"
--         body  JSON object on one line; never parsed here, cjson would turn [] into {} and lose digits
-- Reply [epoch, n, per item: "seq" | "d:<seq>" duplicate | "v:<version>" | "r:<version>" refused, the stored one | "o:<number>" out of turn, the last one taken, or
--        "b:<number>" out of turn, none was taken yet: the last one of the epoch before, "b:" for unknown]
-- Errors (nothing is written): ERR_VERSION <why>, ERR_INVALID <index from 0> <why>, ERR_RATE_LIMITED <why>
--
-- A history that has lost a key, whichever, is another one: its epoch ends with the next call (B5).
--
-- Message on the channel, lines ended by \n:
--   <epoch> <n> <firstSeq> <at (ms)> <count>
--   no items: another epoch has begun
--   per item: "e <type> <id>" or "l <version> <type> <key>", then a line with the body

-- The server puts its configuration into these two lines.
local STREAM_MAX_EVENTS = 10000
local STREAM_MAX_AGE_MS = 3600000

local META_MAX_AGE_MS = 2592000000
local BUCKET_MS = 600000
-- a bucket is asked for until the end of the next one, by late clocks too
local IDS_MAX_AGE_MS = 1800000
-- how far the clocks of publishers may be apart
local MAX_SKEW_MS = 60000
local TOMBSTONE_MS = 600000
local MAX_EARLY_MS = 100
local MAX_ITEMS = 1000
local MAX_BATCH_BYTES = 2097152
-- by kind
local MAX_BODY_BYTES = { e = 33792, o = 196608, l = 8201 }
local MAX_NAME_BYTES = 512
local MAX_TYPE_BYTES = 128
local MAX_LIVE_KEYS = 1000
local MAX_BUCKET_IDS = 200000
-- how far back an event is looked for whose publisher does not know whether it was published
local DOUBT_EVENTS = 3000
local TOMBSTONE = '{"data":null}'

local function invalid(index, why)
  return redis.error_reply('ERR_INVALID ' .. index .. ' ' .. why)
end

local function isType(text)
  if #text > MAX_TYPE_BYTES or not string.find(text, '^[a-z][a-z0-9_.]*$') then return false end
  return not string.find(text, '%.[^a-z]') and not string.find(text, '%.$')
end

-- A positive integer that a double holds exactly.
local function isCount(text)
  return string.find(text, '^[1-9]%d*$') and #text <= 16 and tonumber(text) <= 9007199254740991
end

-- check everything first: nothing is written for a bad batch ------------------------------------------------------------

if ARGV[1] ~= '1' then return redis.error_reply('ERR_VERSION this script speaks version 1') end
if #KEYS ~= 6 or #ARGV < 4 then return invalid(0, 'there must be six keys and at least four arguments') end
if not isCount(ARGV[2]) then return invalid(0, 'now must be unix milliseconds') end
local command = ARGV[3]
if command ~= 'publish' and command ~= 'spublish' then return invalid(0, 'command must be publish or spublish') end
local count = tonumber(ARGV[4])
if not count or count < 0 or count > MAX_ITEMS or count % 1 ~= 0 then return invalid(0, 'count must be at most ' .. MAX_ITEMS) end
local ends = count == 0 and #ARGV == 5 and ARGV[5] or nil
if #ARGV ~= 4 + 5 * count and not ends then return invalid(0, 'each item has five strings') end

local items = {}
local total = 0
local newIds = 0
for index = 0, count - 1 do
  local at = 5 + 5 * index
  local kind, type, name, version, body = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local number = string.match(kind, '^[os](%d+)$')
  if kind ~= 'e' and kind ~= 'l' and not (number and isCount(number)) then return invalid(index, 'kind must be e, l, o<number> or s<number>') end
  if not isType(type) then return invalid(index, 'type must be names joined by dots') end
  if name == '' or #name > MAX_NAME_BYTES or string.find(name, '[%z\1-\31\127]') then
    return invalid(index, 'id or key must be 1 to ' .. MAX_NAME_BYTES .. ' bytes without control characters')
  end
  if kind == 'l' then
    if version ~= '' and not isCount(version) then return invalid(index, 'version must be a positive integer') end
  elseif version ~= '' and not (kind == 'e' and version == 'n') and not (number and (version == 'i' or version == 'd')) then
    return invalid(index, 'version of an event must be empty or n, of one from the outbox empty, i or d')
  end
  local limit = MAX_BODY_BYTES[number and 'o' or kind]
  if #body > limit then return invalid(index, 'body must be at most ' .. limit .. ' bytes') end
  if string.sub(body, 1, 2) ~= '{"' or string.sub(body, -1) ~= '}' or string.find(body, '[%z\1-\31]') then
    return invalid(index, 'body must be a JSON object on one line')
  end
  total = total + #body
  if total > MAX_BATCH_BYTES then return invalid(index, 'bodies together must be at most ' .. MAX_BATCH_BYTES .. ' bytes') end
  if kind == 'e' and version == '' then newIds = newIds + 1 end
  local isFirst = string.sub(kind, 1, 1) == 's'
  items[index + 1] = { kind = number and 'o' or kind, isFirst = isFirst, number = number, type = type, name = name, version = version, body = body }
end

local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', nowMs)

local meta = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'id', 'n', 'o', 'p', 'l', 'i', 'j', 'x')
local epoch = meta[1]
local bucket = math.floor(tonumber(ARGV[2]) / BUCKET_MS)

local function isGone(key)
  return redis.call('EXISTS', key) == 0
end

-- Whether a key that must be there is not: Redis has evicted it, or somebody deleted it.
local function hasLost()
  if meta[7] and isGone(KEYS[3]) then return true end
  if meta[10] and tonumber(meta[10]) > nowMs and isGone(KEYS[2]) then return true end
  for _, known in ipairs({ meta[8] or false, meta[9] or false }) do
    if known and tonumber(known) == bucket and isGone(KEYS[4]) then return true end
    if known and tonumber(known) == bucket - 1 and isGone(KEYS[5]) then return true end
  end
  return false
end

-- Without meta another history begins, whatever an earlier one has left in the other keys.
local isNew = not epoch or epoch == ends or hasLost()

if not isNew and newIds > 0 and redis.call('HLEN', KEYS[4]) + newIds > MAX_BUCKET_IDS then
  return redis.error_reply('ERR_RATE_LIMITED at most ' .. MAX_BUCKET_IDS .. ' ids in ten minutes')
end

-- Live keys are counted only when the hash is full: tombstones that have stood long enough make room then, also for a tombstone of what never lived.
local newKeys = {}
local newKeyCount = 0
for _, item in ipairs(items) do
  if item.kind == 'l' and not newKeys[item.name] then
    local stored = not isNew and redis.call('HGET', KEYS[3], item.name)
    local lives = item.body ~= TOMBSTONE
    if not stored or (lives and string.sub(stored, -#TOMBSTONE - 1) == '\n' .. TOMBSTONE) then
      newKeys[item.name] = lives
      newKeyCount = newKeyCount + 1
      item.isNewKey = lives
    end
  end
end
local forgotten = {}
if not isNew and newKeyCount > 0 and redis.call('HLEN', KEYS[3]) + newKeyCount > MAX_LIVE_KEYS then
  local values = redis.call('HGETALL', KEYS[3])
  local live = 0
  for i = 1, #values, 2 do
    local at, body = string.match(values[i + 1], '^%d+ (%d+) [^\n]*\n(.*)$')
    if body ~= TOMBSTONE then
      live = live + 1
    elseif tonumber(at) < nowMs - TOMBSTONE_MS then
      forgotten[#forgotten + 1] = values[i]
    end
  end
  for index, item in ipairs(items) do
    if item.isNewKey then
      live = live + 1
      if live > MAX_LIVE_KEYS then return invalid(index - 1, 'a project has at most ' .. MAX_LIVE_KEYS .. ' live keys') end
    end
  end
end

-- write -----------------------------------------------------------------------------------------------------------------

if isNew then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
  -- What the outbox has sent in a history that is gone may have to go out again.
  meta = { nil, nil, nil, nil, nil, meta[5] or meta[6] }
  epoch = string.sub(redis.sha1hex(KEYS[1] .. time[1] .. '.' .. time[2]), 1, 16)
end
for _, name in ipairs(forgotten) do redis.call('HDEL', KEYS[3], name) end
local seq = tonumber(meta[2] or '0')
local id = meta[3] or ''
local n = tonumber(meta[4] or '0')
local o = meta[5]
local p = meta[6]

local reply = {}
local parts = {}
local sent = 0
local firstSeq = seq + 1
local outboxTaken = true
-- Just after a bucket began, a publisher whose clock is behind still asks the one before: ids stand in both.
local isEarly = tonumber(ARGV[2]) % BUCKET_MS < MAX_SKEW_MS

local mustBe = {}
local function remember(item, text)
  mustBe.i = string.format('%.0f', bucket)
  if isEarly or (meta[8] and tonumber(meta[8]) == bucket - 1) then mustBe.j = string.format('%.0f', bucket - 1) end
  redis.call('HSET', KEYS[4], item.name, text)
  redis.call('PEXPIRE', KEYS[4], IDS_MAX_AGE_MS)
  if not isEarly then return end
  redis.call('HSET', KEYS[5], item.name, text)
  redis.call('PEXPIRE', KEYS[5], IDS_MAX_AGE_MS)
end

local function append(item)
  seq = seq + 1
  id = item.name
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', STREAM_MAX_EVENTS, string.format('%.0f-0', seq), 'i', id, 't', item.type, 'a', stamp, 'b', item.body)
  parts[#parts + 1] = 'e ' .. item.type .. ' ' .. id
  parts[#parts + 1] = item.body
  sent = sent + 1
  return string.format('%.0f', seq)
end

local function remembered(item)
  return redis.call('HGET', KEYS[4], item.name) or redis.call('HGET', KEYS[5], item.name)
end

-- What was published under an id that is not remembered, read once for all who are in doubt.
local recent
local function inStream(item)
  if not recent then
    recent = {}
    for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', DOUBT_EVENTS)) do
      recent[entry[2][2]] = string.match(entry[1], '^%d+')
    end
  end
  return recent[item.name]
end

for index, item in ipairs(items) do
  if item.kind == 'e' then
    outboxTaken = true
    -- Also an id made just now: its publisher may have given it up as lost and to the outbox, and it arrives after all.
    local known = remembered(item)
    if known then
      reply[index] = 'd:' .. known
    else
      reply[index] = append(item)
      if item.version == '' then remember(item, reply[index]) end
    end
  elseif item.kind == 'o' then
    outboxTaken = item.number == string.format('%.0f', tonumber(o or '0') + 1) or (item.isFirst and not o)
    if outboxTaken then
      o = item.number
      local known = item.version ~= '' and (remembered(item) or item.version == 'd' and inStream(item))
      reply[index] = known and 'd:' .. known or append(item)
      if item.version ~= '' and not known then remember(item, reply[index]) end
    else
      reply[index] = o and 'o:' .. o or 'b:' .. (p or '')
    end
  else
    local stored = redis.call('HGET', KEYS[3], item.name)
    local storedVersion = tonumber(stored and string.match(stored, '^%d+') or '0')
    local version = item.version == '' and storedVersion + 1 or tonumber(item.version)
    if version <= storedVersion or not outboxTaken then
      reply[index] = string.format('r:%.0f', storedVersion)
    else
      local text = string.format('%.0f', version)
      mustBe.l = '1'
      redis.call('HSET', KEYS[3], item.name, text .. ' ' .. stamp .. ' ' .. item.type .. '\n' .. item.body)
      parts[#parts + 1] = 'l ' .. text .. ' ' .. item.type .. ' ' .. item.name
      parts[#parts + 1] = item.body
      sent = sent + 1
      reply[index] = 'v:' .. text
    end
  end
end

if sent > 0 then n = n + 1 end
local nText = string.format('%.0f', n)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', string.format('%.0f', seq), 'id', id, 'n', nText)
if o then redis.call('HSET', KEYS[1], 'o', o) end
if p then redis.call('HSET', KEYS[1], 'p', p) end
redis.call('PEXPIRE', KEYS[1], META_MAX_AGE_MS)
redis.call('PEXPIRE', KEYS[3], META_MAX_AGE_MS)
if sent > 0 then
  -- Before it expires: what is gone a moment early is not lost.
  if redis.call('PEXPIRE', KEYS[2], STREAM_MAX_AGE_MS) == 1 then mustBe.x = string.format('%.0f', nowMs + STREAM_MAX_AGE_MS - MAX_EARLY_MS) end
  local head = epoch .. ' ' .. nText .. ' ' .. string.format('%.0f', firstSeq) .. ' ' .. stamp .. ' ' .. sent
  redis.call(command, KEYS[6], head .. '\n' .. table.concat(parts, '\n') .. '\n')
elseif isNew then
  redis.call(command, KEYS[6], epoch .. ' 0 1 ' .. stamp .. ' 0\n')
end
for field, value in pairs(mustBe) do redis.call('HSET', KEYS[1], field, value) end

local answer = { epoch, nText }
for index = 1, count do answer[index + 2] = reply[index] end
return answer
