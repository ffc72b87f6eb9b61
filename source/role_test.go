package source_test

import (
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/internal/awstest"
	"larder/secret"
	"larder/source"
)

const (
	reader     = "arn:aws:iam::123456789012:role/team/reader"
	auditor    = "arn:aws:iam::999999999999:role/auditor"
	own        = "arn:aws:sts::123456789012:assumed-role/function-role/function"
	asReader   = "arn:aws:sts::123456789012:assumed-role/reader/larder-orders"
	asAuditor  = "arn:aws:sts::999999999999:assumed-role/auditor/larder-orders"
	assumeRole = "AssumeRole"
)

func withRole(t testing.TB, k secret.Key, role string) secret.Key {
	t.Helper()
	k, err := k.WithRole(role)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// inFunction names the function and its Region, as with roles they must be.
func inFunction(cfg *source.Config) { cfg.Region, cfg.FunctionName = home, "orders" }

// roles is a full AWS in which two roles can be assumed. The second is another
// account's, whose secret has the same name as one here.
func roles() awstest.Config {
	aws := full()
	aws.Roles = map[string]awstest.Role{reader: {}, auditor: {Trust: awstest.OneOrMany{account}}}
	aws.Secrets["theirs"] = awstest.Secret{Name: "a", Account: "999999999999", String: "theirs"}
	aws.Secrets["far"] = awstest.Secret{Name: "a", Region: "us-west-2", String: "far"}
	return aws
}

// asked returns who made how many calls of an action.
func (st *stand) asked(action string) map[string]int {
	n := make(map[string]int)
	for _, c := range st.Calls() {
		if c.Action == action {
			n[c.Caller]++
		}
	}
	return n
}

// TestRoles: what is named alike is another thing with another role, each role is
// assumed once, by the function, and calls are shared by the keys of one role only.
func TestRoles(t *testing.T) {
	play(t, roles(), inFunction, func(t *testing.T, st *stand) {
		a, b := secretKey(t, "a"), secretKey(t, "b")
		p, q, tree := parameterKey(t, "/a"), parameterKey(t, "/b"), treeKey(t, "/tree/*")
		keys := []secret.Key{a, b, p, q}
		want := map[secret.Key]string{a: "v", withRole(t, a, auditor): "theirs"}
		for _, k := range append(keys, tree) {
			keys = append(keys, withRole(t, k, reader))
		}
		for _, k := range keys[4:8] {
			want[k] = "v"
		}
		keys = append(keys, withRole(t, a, auditor))
		for range 2 {
			got := fetch(t, t.Context(), st.source, keys...)
			for k, want := range want {
				if got := outcome(got[k]); got != want {
					t.Errorf("Fetch of %v = %q, want %q", k, got, want)
				}
			}
		}
		for action, want := range map[string]map[string]int{
			assumeRole:            {own: 2},
			"BatchGetSecretValue": {own: 2, asReader: 2},
			"GetSecretValue":      {asAuditor: 2},
			"GetParameters":       {own: 2, asReader: 2},
			"GetParametersByPath": {asReader: 2},
		} {
			if got := st.asked(action); !maps.Equal(got, want) {
				t.Errorf("calls of %s by %v, want %v", action, got, want)
			}
		}
	})
}

// TestRoleAliases: what an answer shows to be the same is so with that role.
func TestRoleAliases(t *testing.T) {
	play(t, roles(), inFunction, func(t *testing.T, st *stand) {
		for _, k := range []secret.Key{secretKey(t, "a"), parameterKey(t, "/a")} {
			plain := fetch(t, t.Context(), st.source, k)[k].Same
			k = withRole(t, k, reader)
			same := fetch(t, t.Context(), st.source, k)[k].Same
			if len(same) == 0 || len(same) != len(plain) {
				t.Errorf("aliases of %v = %v, want as many as without a role, %v", k, same, plain)
			}
			for i := range same {
				if want := withRole(t, plain[i], reader); same[i] != want {
					t.Errorf("alias %d of %v = %v, want %v", i, k, same[i], want)
				}
			}
		}
	})
}

// TestRoleElsewhere: STS is asked in the function's Region, once for all Regions.
func TestRoleElsewhere(t *testing.T) {
	play(t, roles(), inFunction, func(t *testing.T, st *stand) {
		near := withRole(t, secretKey(t, "a"), reader)
		far := inRegion(near, "us-west-2")
		got := fetch(t, t.Context(), st.source, near, far)
		if outcome(got[near]) != "v" || outcome(got[far]) != "far" {
			t.Errorf("Fetch = %v, %v, want each Region's value", got[near].Err, got[far].Err)
		}
		for _, c := range st.attempts {
			if c.Action == secret.AssumeRole && (c.Region != home || c.Failure != 0) {
				t.Errorf("observed %+v, want an assumed role in %s", c, home)
			}
		}
		if st.counted() != "AssumeRole 1, GetSecretValue 2" {
			t.Errorf("calls: %s, want one AssumeRole", st.counted())
		}
	})
}

// TestRoleShared: fifty readers that need a role at once make one call to STS.
func TestRoleShared(t *testing.T) {
	aws := roles()
	aws.Faults = []awstest.Fault{{Action: assumeRole, Delay: time.Second}}
	play(t, aws, func(cfg *source.Config) {
		inFunction(cfg)
		cfg.MaxConnections = 50
	}, func(t *testing.T, st *stand) {
		k := withRole(t, secretKey(t, "a"), reader)
		everybody := func() {
			var readers sync.WaitGroup
			for range 50 {
				readers.Go(func() {
					if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
						t.Errorf("Fetch = %q, want a value", got)
					}
				})
			}
			readers.Wait()
		}
		everybody()
		if st.counted() != "AssumeRole 1, GetSecretValue 50" {
			t.Errorf("calls: %s, want one AssumeRole", st.counted())
		}
		// The same when AWS refuses the session of all of them.
		st.ExpireSessions()
		everybody()
		if n := st.asked(assumeRole)[own]; n != 2 {
			t.Errorf("the role was assumed %d times in all, want once more", n)
		}
	})
}

// TestRoleRefusedLate: who hears late that AWS refuses a session finds that it has
// been renewed.
func TestRoleRefusedLate(t *testing.T) {
	play(t, roles(), inFunction, func(t *testing.T, st *stand) {
		a, b := withRole(t, secretKey(t, "a"), reader), withRole(t, secretKey(t, "b"), reader)
		fetch(t, t.Context(), st.source, a)
		st.AddFault(awstest.Fault{Action: "GetSecretValue", ID: "b", Times: 1, Delay: time.Second, Code: "ExpiredTokenException"})
		done := make(chan struct{})
		go func() {
			defer close(done)
			if got := outcome(fetch(t, t.Context(), st.source, b)[b]); got != "v" {
				t.Errorf("Fetch of the one that is late = %q, want a value", got)
			}
		}()
		synctest.Wait()
		st.ExpireSessions()
		if got := outcome(fetch(t, t.Context(), st.source, a)[a]); got != "v" {
			t.Errorf("Fetch = %q, want a value", got)
		}
		<-done
		if n := st.asked(assumeRole)[own]; n != 2 {
			t.Errorf("the role was assumed %d times, want twice", n)
		}
	})
}

// TestRoleRenewed: a session is renewed shortly before its end.
func TestRoleRenewed(t *testing.T) {
	play(t, roles(), inFunction, func(t *testing.T, st *stand) {
		k := withRole(t, secretKey(t, "a"), reader)
		tests := []struct {
			name    string
			wait    func()
			assumed int
		}{
			{"first", func() {}, 1},
			{"at once", func() {}, 1},
			{"more than two minutes before its end", func() { time.Sleep(lifetime - 2*time.Minute - 2*time.Second) }, 1},
			{"a minute before its end", func() { time.Sleep(time.Minute + 2*time.Second) }, 2},
			{"long after its end", func() { time.Sleep(24 * time.Hour) }, 3},
			{"after a freeze", func() { st.jump(lifetime - time.Minute) }, 4},
		}
		for _, tt := range tests {
			tt.wait()
			if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != "v" {
				t.Errorf("%s: Fetch = %q, want a value", tt.name, got)
			}
			if n := st.asked(assumeRole)[own]; n != tt.assumed {
				t.Errorf("%s: the role was assumed %d times, want %d", tt.name, n, tt.assumed)
			}
		}
		if n := st.asked("GetSecretValue")[asReader]; n != len(tests) {
			t.Errorf("%d calls, want %d: none is made with a session that has ended", n, len(tests))
		}
	})
}

// TestRoleOutlivesTrouble: while STS fails, a session does until its end, and STS
// that hangs does not cost every call a second meanwhile.
func TestRoleOutlivesTrouble(t *testing.T) {
	for _, trouble := range []struct {
		name  string
		fault awstest.Fault
		takes time.Duration
		then  string
	}{
		{"fails", awstest.Fault{Action: assumeRole, Code: "AccessDenied", Status: 403}, 0, "!AccessDenied"},
		{"hangs", awstest.Fault{Action: assumeRole, Hang: true}, time.Second, "!Timeout"},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			play(t, roles(), inFunction, func(t *testing.T, st *stand) {
				k := withRole(t, secretKey(t, "a"), reader)
				fetch(t, t.Context(), st.source, k)
				st.AddFault(trouble.fault)
				for _, tt := range []struct {
					name  string
					wait  time.Duration
					want  string
					takes time.Duration
				}{
					{"shortly before the end", lifetime - time.Minute, "v", trouble.takes},
					{"at once", 0, "v", 0},
					{"after a pause", 15 * time.Second, "v", trouble.takes},
					{"after the end", 2 * time.Minute, trouble.then, 5 * trouble.takes},
				} {
					time.Sleep(tt.wait)
					start := time.Now()
					if got := outcome(fetch(t, t.Context(), st.source, k)[k]); got != tt.want {
						t.Errorf("%s: Fetch = %q, want %q", tt.name, got, tt.want)
					}
					if took := time.Since(start); took != tt.takes {
						t.Errorf("%s: Fetch took %v, want %v", tt.name, took, tt.takes)
					}
				}
			})
		})
	}
}

// TestRoleEphemeral: before a snapshot a role is assumed for each Fetch, and
// nothing of it is left behind.
func TestRoleEphemeral(t *testing.T) {
	play(t, roles(), func(cfg *source.Config) {
		inFunction(cfg)
		ephemeral(cfg)
	}, func(t *testing.T, st *stand) {
		a, b := withRole(t, secretKey(t, "a"), reader), withRole(t, parameterKey(t, "/b"), reader)
		for n := range 4 {
			if n == 2 {
				st.source.Keep()
			}
			got := fetch(t, t.Context(), st.source, a, b)
			if outcome(got[a]) != "v" || outcome(got[b]) != "v" {
				t.Errorf("Fetch %d = %v, %v, want values", n, got[a].Err, got[b].Err)
			}
			synctest.Wait()
			if open := st.open.Load(); n < 2 && open != 0 {
				t.Errorf("Fetch %d: %d connections are left, want none", n, open)
			}
			if assumed, want := st.asked(assumeRole)[own], min(n+1, 3); assumed != want {
				t.Errorf("Fetch %d: the role was assumed %d times in all, want %d", n, assumed, want)
			}
		}
	})
}
