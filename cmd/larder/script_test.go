package main_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"larder/internal/gotest"
	"larder/internal/lambdatest"
)

// TestMain lets the test binary play the other processes of a function. Stories
// spend most of their time waiting for it to pass, so more of them run at once than
// there are processors, unless -parallel says otherwise.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){
		"reader": reader,
		"holder": holder,
	})
}

// TestScripts runs the stories in testdata/script with the real programs: each is
// a function with its secrets, and what it and Lambda then see. Besides the
// commands of testscript, a story has:
//
//	lambda [flags] [-- COMMAND]
//	                      run the function from its start to its end: see bench.lambda
//	leaks [flags]         the same, and a secret must be found in what comes out
//	record                run init, and write down what happened: see bench.record
//	took LIMIT FROM TO    in the timeline, from one event to another at most LIMIT
//	aws                   serve the secrets over TLS: see aws
//	occupy NAME           set NAME to a port that is taken
//	trap NAME             set NAME to an address that notes who connects
//	trapped REGEXP        somebody connected to a trap, and asked for that
//	join NAME             put an extension besides larder into the layer
//	pack FILE             write the layer as a zip
//	expand FILE           replace {64KiB} in a file by so much text, and more: see expand
//	impostor NAME FILE    set NAME to a port where somebody else answers with a file
//
// A story that changes something in the middle keeps its function running:
//
//	start [-deadline D] [-mode MODE] [-telemetry KIND] [NAME=VALUE...]
//	                      run init: see bench.start
//	invoke [FILE] [&]     run the reads in a file, or in reads, until they are answered
//	answered              wait for the answer to an invoke with &
//	freeze [-now]         stop all processes when the invoke has ended, or at once
//	thaw                  let them go on
//	shutdown              end the function: see shutdown
//
//	change FILE           AWS has what a file says: see change
//	fault FAULT...        AWS has trouble, as '{action: Get*, code: ThrottlingException}'
//	renew                 the keys of the function have expired
//	network cut           all connections to AWS end with a reset; see awstest.Relay
//	network swallow       they stay open, and nothing passes
//	network hole          neither on new ones
//	heal                  end of all faults; the network is as it was
//
//	flood N               so many of the platform's events are delivered: see flood
//	forge                 and some that are none: see forge
//
//	age D [REGEXP]        wait until the last value from AWS, or another call, is so old
//	asked REGEXP          wait until AWS is asked: see calls
//	calls N[-M] [REGEXP]  AWS was asked so often since the last invoke: see calls
//	rate D REGEXP         AWS was asked at most once in every D: see rate
//	[!] held LIMIT        larder held the end of the invoke for LIMIT at most, or longer
//	responded LIMIT       the function answered within LIMIT
//	[!] logged [-count=N] REGEXP
//	                      a process has printed that: see logged
func TestScripts(t *testing.T) {
	b := newBench(t)
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		Setup:              b.setup,
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "", // writes what came out into the scripts
		Condition:          condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lambda": b.lambda, "leaks": b.leaks, "record": b.record, "took": took,
			"aws": aws, "occupy": b.occupy, "trap": trap, "trapped": trapped,
			"join": join, "pack": b.pack, "expand": expand, "impostor": impostor,

			"start": b.start, "invoke": invoke, "answered": answered, "freeze": freeze, "thaw": thaw, "shutdown": shutdown,
			"change": change, "fault": fault, "renew": renew, "network": network, "heal": heal,
			"age": age, "asked": asked, "calls": calls, "rate": rate, "held": held, "responded": responded, "logged": logged,
			"flood": flood, "forge": forge,
		},
	})
}

// condition is telemetry: the processes of a function can listen where Lambda delivers
// events of its own.
func condition(name string) (bool, error) {
	if name != "telemetry" {
		return false, fmt.Errorf("there is no condition %s", name)
	}
	return lambdatest.CanResolve() == nil, nil
}

// bench is what all scripts share.
type bench struct {
	layer    string // folder of the unpacked layer
	local    string // larder-local
	packer   string // what makes a layer's zip
	nextPort atomic.Int32
}

// newBench builds the programs.
func newBench(t *testing.T) *bench {
	gotest.DependOn(t, "../..")
	folder := t.TempDir()
	b := &bench{
		layer:  filepath.Join(folder, "layer"),
		local:  filepath.Join(folder, "larder-local"),
		packer: filepath.Join(folder, "pack"),
	}
	b.nextPort.Store(int32(rand.N(ports)))
	for _, program := range []struct {
		path, pkg string
		race      bool
	}{
		{filepath.Join(b.layer, "extensions", "larder"), ".", raceDetector},
		{filepath.Join(b.layer, "larder-exec"), "../larder-exec", false}, // has one goroutine
		{b.local, "../larder-local", raceDetector},
		{b.packer, "../../layer/pack", false}, // shares no memory, and is slow enough
	} {
		args := []string{"build", fmt.Sprintf("-race=%t", program.race), "-buildvcs=false", "-ldflags=-s -w", "-o", program.path, program.pkg}
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", program.pkg, err, out)
		}
	}
	return b
}

// setup prepares the environment of one script.
func (b *bench) setup(env *testscript.Env) error {
	env.Setenv("LAYER", b.layer)
	env.Vars = append(env.Vars, noRaceSleep)
	env.Values[trapsKey{}] = &traps{}
	env.Values[functionKey{}] = new(*function)
	return nil
}

// Ports for the extension. They lie below those that kernels give to outgoing
// connections, so that none of these takes one in the moment before larder does.
const (
	firstPort = 20_000
	ports     = 10_000
)

// freePort returns a port that no other script gets.
func (b *bench) freePort() (string, error) {
	for range 100 {
		n := firstPort + int(b.nextPort.Add(1))%ports
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(n))); err == nil {
			return strconv.Itoa(n), l.Close()
		}
	}
	return "", fmt.Errorf("a hundred ports from %d on are all taken", firstPort)
}
