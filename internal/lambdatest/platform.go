package lambdatest

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The records of the platform's events. What the documentation has as optional
// and this Lambda knows nothing of, such as a runtime's version, is absent.
// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
type (
	startRecord struct { // of init and of a restore
		Function string `json:"functionName"`
		Version  string `json:"functionVersion"`
		InitType Mode   `json:"initializationType,omitempty"`
		Phase    string `json:"phase,omitempty"`
	}
	initRecord struct {
		InitType Mode   `json:"initializationType"`
		Phase    string `json:"phase"`
		outcome
		Metrics *metrics `json:"metrics,omitempty"`
	}
	restoreRecord struct {
		outcome
		Metrics *metrics `json:"metrics,omitempty"`
	}
	extensionRecord struct {
		Name      string   `json:"name"`
		State     state    `json:"state"`
		Events    []string `json:"events"`
		ErrorType string   `json:"errorType,omitempty"`
	}
	subscriptionRecord struct {
		Name  string   `json:"name"`
		State string   `json:"state"`
		Types []string `json:"types"`
	}
	invokeRecord struct {
		RequestID string  `json:"requestId"`
		Version   string  `json:"version,omitempty"`
		Tracing   tracing `json:"tracing"`
	}
	invokeEndRecord struct { // of runtimeDone and report
		invokeRecord
		outcome
		Metrics metrics `json:"metrics"`
		Spans   []span  `json:"spans,omitempty"`
	}
	outcome struct {
		Status    string `json:"status"`
		ErrorType string `json:"errorType,omitempty"`
	}
	metrics struct {
		Duration  millis  `json:"durationMs"`
		Produced  *int    `json:"producedBytes,omitempty"`
		Billed    int64   `json:"billedDurationMs,omitempty"`
		Memory    int     `json:"memorySizeMB,omitempty"`
		MaxMemory int     `json:"maxMemoryUsedMB,omitempty"`
		Init      *millis `json:"initDurationMs,omitempty"`
		Restore   *millis `json:"restoreDurationMs,omitempty"`
	}
	span struct {
		Name     string `json:"name"`
		Start    string `json:"start"`
		Duration millis `json:"durationMs"`
	}
)

// millis is a duration in milliseconds, to the microsecond.
type millis time.Duration

// MarshalJSON writes a number.
func (m millis) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Duration(m).Round(time.Microsecond))/1e6, 'f', -1, 64), nil
}

// some returns where d is, nil for none.
func some(d time.Duration) *millis {
	if d == 0 {
		return nil
	}
	return (*millis)(&d)
}

func spanFrom(name string, from, to time.Time) span {
	return span{name, telemetryTime(from), millis(to.Sub(from))}
}

// outcomeOf sorts a fault as the platform does: the time was up, a process broke,
// or the function itself reported an error.
func outcomeOf(f *Fault) outcome {
	switch {
	case f == nil:
		return outcome{Status: "success"}
	case f.Type == "Sandbox.Timeout", f.Type == "SnapStartTimeoutException":
		return outcome{"timeout", f.Type}
	case strings.HasPrefix(f.Type, "Extension."), f.Type == "Runtime.ExitError", f.Type == "Runtime.InvalidEntrypoint":
		return outcome{"failure", f.Type}
	}
	return outcome{"error", f.Type}
}

// tellInitStart tells that init begins.
func (s *sandbox) tellInitStart(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tellLocked(at, "initStart", startRecord{s.cfg.Function, s.cfg.Version, s.cfg.Mode, s.phase})
}

// tellRuntimeInit tells how init went until the runtime was ready, once. Extensions
// may take longer: the init that InitDone and the first report measure has them, too.
func (s *sandbox) tellRuntimeInit(took time.Duration, fault *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.telemetry.runtimeTold {
		return
	}
	s.telemetry.runtimeTold = true
	record := initRecord{InitType: s.cfg.Mode, Phase: s.phase, outcome: outcomeOf(fault)}
	now := time.Now()
	s.tellLocked(now, "initRuntimeDone", record)
	record.Metrics = &metrics{Duration: millis(took)}
	s.tellLocked(now, "initReport", record)
}

// tellInitEnd tells where init has left the extensions. Where it succeeded that
// was the last chance to subscribe.
func (s *sandbox) tellInitEnd(took time.Duration, fault *Fault) {
	s.tellRuntimeInit(took, fault) // if it is not known by now
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.extensions {
		record := extensionRecord{Name: e.name, State: e.state, Events: []string{}}
		if e.invoke {
			record.Events = append(record.Events, "INVOKE")
		}
		if e.shutdown {
			record.Events = append(record.Events, "SHUTDOWN")
		}
		if fault != nil && fault.Source == e.name {
			record.ErrorType = fault.Type
		}
		s.tellLocked(time.Now(), "extension", record)
	}
	s.telemetry.over, s.telemetry.past = true, nil
	if s.cfg.Mode == OnDemand && s.phase == initPhase {
		s.telemetry.initTook = took
	}
}

func (s *sandbox) tellRestoreStart(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tellLocked(at, "restoreStart", startRecord{Function: s.cfg.Function, Version: s.cfg.Version})
}

func (s *sandbox) tellRestoreEnd(took time.Duration, fault *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.telemetry.restore = took
	record := restoreRecord{outcome: outcomeOf(fault)}
	now := time.Now()
	s.tellLocked(now, "restoreRuntimeDone", record)
	record.Metrics = &metrics{Duration: millis(took)}
	s.tellLocked(now, "restoreReport", record)
}

// tellStartLocked tells of an invoke, before anybody is handed it.
func (s *sandbox) tellStartLocked(inv *invocation) {
	s.tellLocked(inv.start, "start", inv.record(s.cfg.Version))
}

func (inv *invocation) record(version string) invokeRecord {
	return invokeRecord{inv.id, version, tracing{"X-Amzn-Trace-Id", inv.trace}}
}

// outcome is that of the environment, or else the function's own.
func (inv *invocation) outcome(fault *Fault) outcome {
	if fault == nil {
		fault = faultOf(inv.err)
	}
	return outcomeOf(fault)
}

// spans returns how the response came, as far as it did.
func (inv *invocation) spans() []span {
	if inv.responded.IsZero() {
		return nil
	}
	return []span{
		spanFrom("responseLatency", inv.start, inv.arrived),
		spanFrom("responseDuration", inv.arrived, inv.responded),
	}
}

// tellRuntimeDoneLocked tells that the runtime has ended its part of an invoke,
// or has lost it.
func (s *sandbox) tellRuntimeDoneLocked(inv *invocation, at time.Time, fault *Fault) {
	spans := inv.spans()
	if spans != nil {
		spans = append(spans, spanFrom("runtimeOverhead", inv.responded, at))
	}
	produced := len(inv.response.Payload)
	s.tellLocked(at, "runtimeDone", invokeEndRecord{
		invokeRecord: inv.record(""), outcome: inv.outcome(fault),
		Metrics: metrics{Duration: millis(at.Sub(inv.start)), Produced: &produced}, Spans: spans,
	})
}

// tellReport tells how an invoke went, after everybody who has a part in it; fault
// is that of the environment. Init is billed, too, on demand. The memory is measured
// where that is possible, though Config.Memory limits nothing.
// https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
func (s *sandbox) tellReport(inv *invocation, report Report, fault *Fault) {
	s.mu.Lock()
	heard, processes := len(s.telemetry.subscribers) > 0, slices.Clone(s.processes)
	s.mu.Unlock()
	if !heard {
		return
	}
	used := memoryUsed(processes)
	if used == 0 {
		used = s.cfg.Memory
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := inv.start.Add(report.Duration)
	record := invokeEndRecord{invokeRecord: inv.record(""), outcome: inv.outcome(fault)}
	record.Metrics.Duration = millis(report.Duration)
	if s.cfg.Mode == ManagedInstances {
		record.Spans = inv.spans()
		s.tellLocked(at, "report", record)
		return
	}
	if inv.runtimeDone.IsZero() {
		s.tellRuntimeDoneLocked(inv, at, fault)
	} else {
		record.Spans = []span{spanFrom("extensionOverhead", inv.runtimeDone, at)}
	}
	t := &s.telemetry
	billed := report.Duration + t.initTook + t.restore
	record.Metrics.Billed = int64(math.Ceil(float64(billed) / float64(time.Millisecond)))
	record.Metrics.Memory, record.Metrics.MaxMemory = s.cfg.Memory, used
	record.Metrics.Init, record.Metrics.Restore = some(t.initTook), some(t.restore)
	t.initTook, t.restore = 0, 0
	s.tellLocked(at, "report", record)
}

// memoryUsed returns the most that processes have had resident, in MB: the sum of
// their own maxima. It is zero where the system does not tell.
func memoryUsed(processes []*process) int {
	kilobytes := 0
	for _, p := range processes {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if !p.alive() {
			continue // the number may be another's by now
		}
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			n, _ := strconv.Atoi(number)
			kilobytes += n
		}
	}
	return (kilobytes + 1023) / 1024
}
