-- KEYS[1] the pages; ARGV[1] a fresh generation, ARGV[2] ms it lives.
-- Who is making a page of the generation before cannot keep it any more.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'g', ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
