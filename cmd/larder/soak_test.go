//go:build soak

package main

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"larder/extension/extensiontest"
	"larder/internal/awstest"
)

// pace is the time between the beginnings of two invokes. All freshness is in real
// time, and troubles take seconds: as fast as they can, 20,000 invokes would be over
// before anything has happened. Timers set the pace, the latency and the length of
// the troubles, and nothing else: what must happen is waited for.
const pace = 3 * time.Millisecond

// TestSoak invokes a function 20,000 times, or N times, while AWS's values change
// all the time and AWS fails in all ways that there are: see troubles. The order
// and the length of the troubles, the changes and the reads are drawn from a seed,
// which is printed; SEED draws the same again.
func TestSoak(t *testing.T) {
	invokes, err := strconv.Atoi(cmp.Or(os.Getenv("N"), "20000"))
	if err != nil || invokes < 2 {
		t.Fatalf("N=%q: write a number of invokes", os.Getenv("N"))
	}
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("SEED"), strconv.FormatUint(rand.Uint64(), 10)), 10, 64)
	if err != nil {
		t.Fatalf("SEED=%q: write a number", os.Getenv("SEED"))
	}
	t.Logf("SEED=%d", seed)
	s := newSoak(t, seed)
	start := time.Now()
	at := make([]figures, 5)
	at[0] = s.process.next(t)
	s.begin(t)
	at[1] = s.process.measure(t)
	stopPulse := background(t, s.pulse.feel)
	stopChanges := background(t, s.changeAll)
	s.run(t, invokes/2, seed)
	at[2] = s.process.measure(t)
	s.run(t, invokes-invokes/2, seed+1)
	stopChanges()
	s.recover(t)
	stopPulse()
	s.readers.CloseIdleConnections()
	at[3] = s.process.measure(t)
	at[4] = s.end(t)
	t.Log(s.report(invokes, time.Since(start), at))
	s.verdict(t)
}

// soak is a function with its sandbox.
type soak struct {
	platform  *platform
	relay     *awstest.Relay
	world     *world
	weather   *weather
	process   *process
	changes   *rand.Rand
	targets   []target
	sightings sightings
	tally     *tally
	pulse     pulse

	address string
	token   string
	readers *http.Client
	reading sync.WaitGroup
	slots   chan struct{}
	number  int // of the last invoke

	errorf   func(format string, args ...any)
	failures atomic.Int64
}

// maxReaders is how many readers there may be at once: fewer than the extension
// allows.
const maxReaders = 256

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	aws, err := awstest.New(awstest.Config{Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	awsServer := httptest.NewServer(withLatency(aws))
	relay, err := awstest.NewRelay(awsServer.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	platform := newPlatform()
	lambdaServer := httptest.NewServer(platform)
	t.Cleanup(func() {
		aws.Close() // first: it ends what hangs
		relay.Close()
		awsServer.Close()
		lambdaServer.Close()
	})
	world, err := newWorld(aws)
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{
		platform: platform, relay: relay, world: world, targets: world.targets(), tally: newTally(),
		weather:   &weather{site: &site{aws, relay}, rand: rand.New(rand.NewPCG(seed, 1))},
		changes:   rand.New(rand.NewPCG(seed, 2)),
		sightings: sightings{newest: make(map[string]sighting)},
		readers:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxReaders}},
		slots:     make(chan struct{}, maxReaders),
		errorf:    t.Errorf,
	}
	t.Cleanup(s.reading.Wait) // the extension has been ended then, and with it what they wait for
	aws.Observe(s.tally.call)
	port := strconv.Itoa(freePort(t))
	id, key, token := aws.Credentials()
	s.address, s.token = "http://127.0.0.1:"+port, token
	s.process = startExtension(t, append(settingsOfSoak(),
		"AWS_LAMBDA_RUNTIME_API="+lambdaServer.Listener.Addr().String(), "AWS_ENDPOINT_URL=http://"+relay.Addr(),
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+key, "AWS_SESSION_TOKEN="+token,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+port))
	return s
}

// begin waits for init, and makes one invoke that reads nothing: what init has
// brought is kept for the first reading of all variables, however old, until an
// invoke has begun.
func (s *soak) begin(t *testing.T) {
	t.Helper()
	s.platform.api.Await(extensiontest.Register, 1)
	if _, ok := s.platform.await(10 * time.Second); !ok {
		t.Fatalf("init does not end:\n%s", s.process.log.end())
	}
	s.invoke(t, rand.New(rand.NewPCG(0, 0)), nil)
}

// changeAll changes AWS's things over and over until done is closed: each some times
// a second, so that many answers are untrue when they come.
func (s *soak) changeAll(done <-chan struct{}) {
	ticks := time.NewTicker(3 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticks.C:
			if err := s.world.change(s.changes); err != nil {
				s.fail("changing AWS: %v", err)
			}
		}
	}
}

// background runs what ends when its channel is closed, which stop does, or the end
// of the test.
func background(t *testing.T, run func(done <-chan struct{})) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { run(done) })
	stop = sync.OnceFunc(func() {
		close(done)
		running.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// run makes some invokes, whatever the weather.
func (s *soak) run(t *testing.T, invokes int, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	for range invokes {
		name, err := s.weather.blow(<-ticks.C)
		if err != nil {
			t.Fatal(err)
		}
		if name != "" {
			t.Logf("invoke %d: %s", s.number, name)
		}
		s.invoke(t, r, s.draw(r))
		if s.failures.Load() > maxFailures {
			t.Fatalf("too many failures:\n%s", s.process.log.end())
		}
	}
}

// invoke makes one invoke, in which the wishes are read. A reader need not be
// done when the invoke is: those of a handler that does not wait for all that it
// has begun are not, either.
func (s *soak) invoke(t *testing.T, r *rand.Rand, wishes []wish) {
	t.Helper()
	s.number++
	for _, w := range wishes {
		s.slots <- struct{}{}
		s.reading.Go(func() {
			defer func() { <-s.slots }()
			s.fulfil(context.Background(), w)
		})
	}
	deadline := []time.Duration{3 * time.Second, 3 * time.Second, 15 * time.Minute, 400 * time.Millisecond}[r.IntN(4)]
	began := time.Now()
	held, ok := s.platform.invoke(s.number, deadline)
	if !ok {
		t.Fatalf("invoke %d: the extension does not ask for the next event:\n%s", s.number, s.process.log.end())
	}
	s.tally.held(held)
	if limit := min(maxHold+margin, deadline); held-s.pulse.lost(began, began.Add(held)) > limit {
		s.fail("invoke %d: next was held for %v, want %v at most (%s)", s.number, held, limit, s.weather.around(began, began.Add(held)))
	}
}

// recover checks that everything is fresh again when there is no trouble any more
// and nothing changes.
func (s *soak) recover(t *testing.T) {
	t.Helper()
	if err := s.weather.clear(); err != nil {
		t.Fatal(err)
	}
	for _, thing := range s.world.order { // and everything is there
		if err := s.world.replace(thing, false); err != nil {
			t.Fatal(err)
		}
	}
	// What was served as stale until now is too old by then, and asked for whatever
	// the back-off says.
	r, ticks := rand.New(rand.NewPCG(0, 0)), time.NewTicker(pace)
	defer ticks.Stop()
	for end := time.Now().Add(secretTTL + maxStaleness); time.Now().Before(end); <-ticks.C {
		s.invoke(t, r, s.draw(r))
	}
	s.reading.Wait()
	for _, target := range s.targets {
		x := s.read(context.Background(), target, false, "")
		if x.header.Get("Larder-Stale") != "" {
			s.complain(x, "it is stale when all is well again")
		}
		for name, i := range target.items {
			newest := i.newest() - i.shift
			if serial := s.sightings.of(target)[name].serial; serial < newest {
				s.complain(x, "%s is at %d when all is well again, AWS is at %d", i.name, serial, newest)
			}
		}
	}
}

// end shuts the extension down, and returns its last figures.
func (s *soak) end(t *testing.T) figures {
	t.Helper()
	began := time.Now()
	s.platform.shutdown()
	last := s.process.next(t)
	if took := time.Since(began); took > 2*time.Second { // which is what Lambda allows
		t.Errorf("the extension has shut down after %v", took)
	}
	if err := s.process.exit(); err != nil {
		t.Errorf("the extension leaves with: %v", err)
	}
	return last
}

// maxFailures is how many failures tell enough.
const maxFailures = 30

// fail fails the test.
func (s *soak) fail(format string, args ...any) {
	if s.failures.Add(1) <= maxFailures {
		s.errorf(format, args...)
	}
}

// verdict looks at what the extension has printed.
func (s *soak) verdict(t *testing.T) {
	t.Helper()
	if leak := s.process.log.leak; leak != "" {
		t.Errorf("a value is in the log, after %q", leak)
	}
	if t.Failed() {
		t.Logf("the end of the extension's log:\n%s", s.process.log.end())
	}
}
