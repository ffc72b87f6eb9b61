package cache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"larder/cache"
	"larder/secret"
)

const account = "123456789012"

var (
	dbARN    = arn(account, region, "prod/db-AbCdEf")
	newDBARN = arn(account, region, "prod/db-GhIjKl") // deleted and made anew
)

func TestAliasIsLearnedFromAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		aws := f.instant()
		aws.set(found(db, "v1", dbARN), found(dbARN, "v1"))
		check(t, "a read by ARN", f.get(dbARN), "miss v1")
		check(t, "Same before AWS said so", f.Same(db, dbARN), false)
		check(t, "a read by name", f.get(db), "miss v1")
		check(t, "Same", f.Same(db, dbARN), true)
		check(t, "Same, turned round", f.Same(dbARN, db), true)
		check(t, "Same of itself", f.Same(a, a), true)
		check(t, "Same of two unknown ones", f.Same(a, b), false)

		aws.set(found(dbARN, "v2"))
		check(t, "a forced read by ARN", f.force(dbARN), "miss v2")
		check(t, "a read by name", f.get(db), "hit v2")
		aws.set(found(db, "v3", dbARN))
		check(t, "a forced read by name", f.force(db), "miss v3")
		check(t, "a read by ARN", f.get(dbARN), "hit v3")
	})
}

// Everything here looks alike and is not.
func TestNoAliasByLooks(t *testing.T) {
	t.Parallel()
	stage := must(secret.SecretKey(region, "db", "", "AWSPREVIOUS"))
	version := must(secret.SecretKey(region, "db", "01234567-89ab-cdef-0123-456789abcdef", ""))
	tests := []struct {
		name string
		keys []secret.Key // each is answered with its own ARN
		arns []secret.Key
	}{
		{"a secret named db-AbCdEf beside db",
			[]secret.Key{name("db"), name("db-AbCdEf")},
			[]secret.Key{arn(account, region, "db-AbCdEf"), arn(account, region, "db-AbCdEf-GhIjKl")}},
		{"one name in two accounts",
			[]secret.Key{arn(account, region, "db-AbCdEf"), arn("210987654321", region, "db-AbCdEf")},
			[]secret.Key{arn(account, region, "db-AbCdEf"), arn("210987654321", region, "db-AbCdEf")}},
		{"one name in two Regions",
			[]secret.Key{name("db"), must(secret.SecretKey("us-east-1", "db", "", ""))},
			[]secret.Key{arn(account, region, "db-AbCdEf"), arn(account, "us-east-1", "db-AbCdEf")}},
		{"one name in two services",
			[]secret.Key{name("db"), must(secret.ParameterKey(region, "db", "", "", false))}, nil},
		{"versions and stages of one secret", []secret.Key{name("db"), stage, version}, nil},
		{"a SecureString with and without decryption",
			[]secret.Key{must(secret.ParameterKey(region, "p", "", "", true)), must(secret.ParameterKey(region, "p", "", "", false))}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := start(t)
				aws := f.instant()
				for i, k := range tt.keys {
					aws.set(found(k, string(rune('1'+i))))
					if tt.arns != nil {
						aws.set(found(k, string(rune('1'+i)), tt.arns[i]))
					}
				}
				for i, k := range tt.keys {
					check(t, "the first read of "+k.ID, f.get(k), "miss "+string(rune('1'+i)))
				}
				for i, k := range tt.keys {
					check(t, "a read of "+k.ID, f.get(k), "hit "+string(rune('1'+i)))
					if tt.arns != nil {
						check(t, "a read of "+tt.arns[i].ID, f.get(tt.arns[i]), "hit "+string(rune('1'+i)))
					}
				}
				check(t, "Same", f.Same(tt.keys[0], tt.keys[1]), false)
			})
		})
	}
}

// A secret that is deleted and made anew under its name has another ARN.
func TestNameMoves(t *testing.T) {
	t.Parallel()
	for _, declared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := start(t, func(c *cache.Config) {
				if declared {
					c.Declared = map[secret.Key]cache.Declaration{db: {TTL: time.Hour, HasTTL: true}}
				}
			})
			aws := f.instant()
			aws.set(found(db, "old", dbARN))
			check(t, "a read", f.get(db), "miss old")
			aws.set(found(db, "new", newDBARN))
			check(t, "a forced read", f.force(db), "miss new")
			check(t, "Same of name and new ARN", f.Same(db, newDBARN), true)
			check(t, "Same of name and old ARN", f.Same(db, dbARN), false)
			check(t, "a read by the new ARN", f.get(newDBARN), "hit new")
			if declared {
				check(t, "PinnedBytes", f.PinnedBytes(), 10)
			}
			check(t, "a read by the old ARN", f.get(dbARN), "miss NotFound")
			if err := f.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A name whose reply comes after a later one by ARN still leads to that ARN, not
// back to what it led to before.
func TestNameMovesWithAnOlderReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		first := f.read(db, false)
		f.aws.call(0).answer(found(db, "old", dbARN))
		check(t, "a read", first.got(), "miss old")
		byName, byARN := f.read(db, true), f.read(newDBARN, true)
		f.aws.call(2).answer(found(newDBARN, "v2"))
		check(t, "the later read by ARN", byARN.got(), "miss v2")
		f.aws.call(1).answer(found(db, "v1", newDBARN))
		check(t, "the earlier read by name", byName.got(), "miss v2")
		check(t, "a read by name", f.get(db), "hit v2")
		check(t, "a read by the old ARN", f.get(dbARN), "waiting")
	})
}

// What has left the cache meanwhile does not come back with an older reply to
// another name.
func TestOlderReplyBringsNothingBack(t *testing.T) {
	t.Parallel()
	for name, later := range map[string]secret.Result{
		"a value that was evicted": found(dbARN, "new"), "a secret that was deleted": failed(dbARN, secret.NotFound),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, func(c *cache.Config) { c.Entries = 1 })
				byName, byARN, other := f.read(db, false), f.read(dbARN, false), f.read(a, false)
				f.aws.call(1).answer(later)
				f.aws.call(2).answer(found(a, "a")) // evicts
				f.aws.call(0).answer(found(db, "old", dbARN))
				check(t, "the other read", other.got(), "miss a")
				check(t, "the read by name", byName.got(), "miss old")
				check(t, "the read by ARN has ended", byARN.got() != "waiting", true)
				f.ForgetFailures()
				check(t, "a read by ARN", f.get(dbARN), "waiting")
			})
		})
	}
}

// parameter returns the key of a parameter; decrypt is the only difference
// between a SecureString's plain text and its cipher text.
func parameter(id string, decrypt bool) secret.Key {
	return must(secret.ParameterKey(region, id, "", "", decrypt))
}

const parameterARN = "arn:aws:ssm:" + region + ":" + account + ":parameter/p"

var (
	open, sealed       = parameter("/p", true), parameter("/p", false)
	openARN, sealedARN = parameter(parameterARN, true), parameter(parameterARN, false)
)

// A plain parameter is one thing whatever the decrypt flag; a SecureString that
// takes its name is two, and its cipher text must not be served as its value.
func TestPlainParameterBecomesSecure(t *testing.T) {
	t.Parallel()
	for _, first := range []secret.Key{open, sealed} {
		synctest.Test(t, func(t *testing.T) {
			f := start(t)
			aws := f.instant()
			aws.set(found(open, "plain", openARN, sealed, sealedARN), found(sealed, "plain", sealedARN, open, openARN))
			check(t, "a read", f.get(first), "miss plain")
			for _, k := range []secret.Key{open, sealed, openARN, sealedARN} {
				check(t, "a read of the plain parameter", f.get(k), "hit plain")
			}
			aws.set(found(openARN, "plain too", sealedARN))
			check(t, "a forced read by ARN", f.force(openARN), "miss plain too")
			for _, k := range []secret.Key{open, sealed, sealedARN} {
				check(t, "a read of the plain parameter", f.get(k), "hit plain too")
			}
			aws.set(found(open, "text", openARN), found(sealed, "cipher", sealedARN))
			f.clock.tick(ttl)
			check(t, "a read without decryption", f.get(sealed), "miss cipher")
			check(t, "a read with decryption", f.get(open), "miss text")
			check(t, "a read without decryption", f.get(sealed), "hit cipher")
			check(t, "a read without decryption, by ARN", f.get(sealedARN), "hit cipher")
			check(t, "a read with decryption, by ARN", f.get(openARN), "hit text")

			aws.set(found(open, "plain", openARN, sealed, sealedARN))
			check(t, "a forced read when it is plain again", f.force(open), "miss plain")
			check(t, "a read without decryption", f.get(sealed), "hit plain")

			aws.set(found(openARN, "text"))
			check(t, "a forced read by ARN when it is secure", f.force(openARN), "miss text")
			check(t, "a read with decryption", f.get(open), "hit text")
			check(t, "a read without decryption", f.get(sealed), "miss cipher")
			aws.set(found(openARN, "plain", sealedARN))
			check(t, "a forced read by ARN when it is plain", f.force(openARN), "miss plain")
			check(t, "a read with decryption", f.get(open), "hit plain")
			if err := f.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The same while calls are under way: an older answer, which still saw the plain
// parameter, does not take the other flag's key from a later one.
func TestOlderAnswerTakesNoKeyAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := start(t)
		older, later := f.read(open, false), f.read(sealed, false)
		f.aws.call(1).answer(found(sealed, "cipher", sealedARN))
		f.aws.call(0).answer(found(open, "plain", openARN, sealed, sealedARN))
		check(t, "the later read", later.got(), "miss cipher")
		check(t, "the older read", older.got(), "miss plain")
		check(t, "a read without decryption", f.get(sealed), "hit cipher")
		check(t, "a read with decryption", f.get(open), "hit plain")
	})
}
