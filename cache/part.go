package cache

import "larder/secret"

// part is what has come so far of a declared tree that is not whole.
type part struct {
	reply         // its Record has Members and nothing else
	stuck backoff // tries that brought nothing more: keeps the loop from trying
}

// notePartLocked keeps what a call that failed has brought of a tree.
func (c *Cache) notePartLocked(call *call, r secret.Result) {
	if _, ok := c.config.Declared[r.Key]; !ok || r.Part == nil || !c.keepsLocked(r.Key) {
		return
	}
	p := &part{reply: reply{Outcome{Record: r.Part}, call.sent.before(r.Older), call.seq}}
	if old := c.parts[r.Key]; old != nil {
		if old.seq > p.seq {
			return
		}
		if len(old.Record.Members) >= len(p.Record.Members) {
			p.stuck = old.stuck
			p.stuck.fail(c.config.Clock.Now(), c.config.Random())
		}
	}
	c.parts[r.Key] = p
}

// Part returns what has come so far of a declared tree, with the age of the first of
// it: a Record that has Members and nothing else, or none if that is not fresh any
// more. ok is false if nothing has come, and where a tree is in memory that Get may
// serve.
func (c *Cache) Part(key secret.Key) (answer Answer, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, now := c.parts[key], c.config.Clock.Now()
	if p == nil {
		return Answer{}, false
	}
	if e := c.index[key]; e != nil {
		if worth, _ := c.freshnessLocked(e, now); worth != tooOld {
			return Answer{}, false
		}
	}
	if passed(p.sent, now, c.ttl(key)) {
		return Answer{}, true
	}
	answer, _ = c.answer(p.reply, Hit)
	return answer, true
}
