package topology_test

import (
	"slices"
	"strings"
	"testing"

	"boxoffice/contracts/telemetry"
	"boxoffice/contracts/topology"
)

func metricNames(all []telemetry.Metric) (names []string) {
	for _, m := range all {
		names = append(names, m.Name)
	}
	return names
}

// An alarm on a metric that is never written is never raised.
func TestAlarmsAreOfMetricsThatAreWritten(t *testing.T) {
	ours := metricNames(slices.Concat(telemetry.BrokenPromises, telemetry.Figures))
	for _, a := range load(t).Alarms {
		if a.Namespace == "" && !slices.Contains(ours, a.Metric) {
			t.Errorf("alarm %s: no metric of contracts/telemetry is called %q", a.Name, a.Metric)
		}
		if a.Namespace != "" && !strings.HasPrefix(a.Namespace, "AWS/") {
			t.Errorf("alarm %s: %q is no namespace of AWS", a.Name, a.Namespace)
		}
	}
}

func TestEveryBrokenPromiseHasAnAlarm(t *testing.T) {
	var alarmed []string
	for _, a := range load(t).Alarms {
		if a.Namespace == "" {
			alarmed = append(alarmed, a.Metric)
		}
	}
	for _, name := range metricNames(telemetry.BrokenPromises) {
		if !slices.Contains(alarmed, name) {
			t.Errorf("%s has no alarm", name)
		}
	}
}

// The thresholds are the limits that are promised elsewhere. Alarms on AWS metrics find functions that do nothing.
func TestAlarmsHaveTheLimitsOfThePromises(t *testing.T) {
	alarms := map[string]topology.Alarm{}
	s := load(t)
	for _, a := range s.Alarms {
		alarms[a.Name] = a
	}
	for name, want := range map[string]float64{
		"authorizations-wait": 10, "mirror-late": float64(telemetry.MirrorLagLimit.Milliseconds()),
		"mirror-stands-still": float64(telemetry.MirrorStreamAgeLimit.Milliseconds()), "dead-letters": 0, "breaker-open": 0,
		"payments-refused": 0, "stream-failures": 0, "orders-stand-still": 60,
	} {
		if a, found := alarms[name]; !found || a.Threshold != want {
			t.Errorf("alarm %s has threshold %v, want %v (found: %t)", name, a.Threshold, want, found)
		}
	}
	if a := alarms["mirror-late"]; a.Statistic != "p99" || a.Function != "mirror" {
		t.Errorf("the lag of mirror is promised for 99 of 100 versions: %+v", a)
	}
	reconcile, _ := s.FunctionNamed("reconcile")
	if a := alarms["reconcile-absent"]; !a.Below || a.Function != "reconcile" || a.Metric != "Invocations" || a.Seconds < 2*reconcile.Schedule.EverySeconds {
		t.Errorf("a reconcile that does not run is not noticed, or one run too late is: %+v", a)
	}
}

// The threshold for expiries follows the length of the hold, which a stack can shorten. A message that only waits for its delay
// never raises the alarm, whether or not its age includes the delay; a message that waits longer does.
func TestTheAlarmOfExpiriesFollowsTheHold(t *testing.T) {
	s := load(t)
	i := slices.IndexFunc(s.Alarms, func(a topology.Alarm) bool { return a.Queue == "expiries" })
	if i < 0 {
		t.Fatal("expiries have no alarm")
	}
	for hold, want := range map[int]float64{300: 371, 5: 76} {
		s.HoldSeconds = hold
		if got := s.Threshold(s.Alarms[i]); got != want || s.Validate() != nil {
			t.Errorf("with holds of %d s the alarm is raised over %v s, want %v: %v", hold, got, want, s.Validate())
		}
	}
	for _, a := range s.Alarms {
		if !a.AfterDelay && s.Threshold(a) != a.Threshold {
			t.Errorf("alarm %s: threshold %v became %v", a.Name, a.Threshold, s.Threshold(a))
		}
	}
}

// silent lists the sources of functions that nothing may serve without an alarm. Metrics of ours do not count: a function that
// cannot start writes none.
func silent(s topology.Topology) (found []string) {
	raised := func(metric, function, queue string, below bool) bool {
		return slices.ContainsFunc(s.Alarms, func(a topology.Alarm) bool {
			return a.Namespace != "" && a.Metric == metric && a.Function == function && a.Queue == queue && a.Below == below
		})
	}
	for _, f := range s.Functions {
		if f.Routes != nil && !raised("Errors", f.Name, "", false) {
			found = append(found, f.Name+" routes")
		}
		if f.Queue != nil && !raised("ApproximateAgeOfOldestMessage", "", f.Queue.Name, false) {
			found = append(found, f.Name+" queue")
		}
		if f.Stream != nil && !raised("IteratorAge", f.Name, "", false) {
			found = append(found, f.Name+" stream")
		}
		if f.Schedule != nil && (!raised("Invocations", f.Name, "", true) || !raised("Errors", f.Name, "", false)) {
			found = append(found, f.Name+" schedule")
		}
	}
	return found
}

// For each source of each function there is an alarm that is raised if the function does not do its work: requests fail,
// messages or records wait, runs fail or are missing.
func TestEveryFunctionHasAnAlarmForDoingNothing(t *testing.T) {
	s := load(t)
	if found := silent(s); found != nil {
		t.Errorf("without an alarm: %q", found)
	}
	s.Alarms = slices.DeleteFunc(s.Alarms, func(a topology.Alarm) bool { return a.Namespace != "" })
	if found := silent(s); len(found) != len(s.Functions) {
		t.Errorf("without alarms of AWS's metrics %q have none", found)
	}
}

// Each row breaks one rule of an alarm.
func TestAlarmRules(t *testing.T) {
	for want, change := range map[string]func(*topology.Alarm){
		`alarm a: seconds must be a multiple of 60 up to 86400, is 90`: func(a *topology.Alarm) { a.Seconds = 90 },
		`alarm a names unknown function "nobody"`:                      func(a *topology.Alarm) { a.Function = "nobody" },
		`alarm a names unknown queue "nowhere"`: func(a *topology.Alarm) {
			a.Namespace, a.Metric, a.Queue = "AWS/SQS", "ApproximateAgeOfOldestMessage", "nowhere"
		},
		`alarm a: a metric of ours has no queue`:                            func(a *topology.Alarm) { a.Queue = "orders" },
		`alarm a: a percentile needs a function or a queue`:                 func(a *topology.Alarm) { a.Statistic = "p99" },
		`alarm a: AWS/SQS has no metric "Errors" that is known here`:        func(a *topology.Alarm) { a.Namespace, a.Metric, a.Queue = "AWS/SQS", "Errors", "orders" },
		`alarm a: a metric of AWS/Lambda needs a function and nothing else`: func(a *topology.Alarm) { a.Namespace, a.Metric = "AWS/Lambda", "Errors" },
		`alarm a: a metric of AWS/SQS needs a queue and nothing else`:       func(a *topology.Alarm) { a.Namespace, a.Metric = "AWS/SQS", "ApproximateAgeOfOldestMessage" },
		`alarm a: nothing is below a threshold of 0`:                        func(a *topology.Alarm) { a.Below = true },
		`alarm a: expire has no stream, so it has no IteratorAge`: func(a *topology.Alarm) {
			a.Namespace, a.Metric, a.Function = "AWS/Lambda", "IteratorAge", "expire"
		},
		`alarm a: expire is not invoked asynchronously, so it has no AsyncEventsDropped`: func(a *topology.Alarm) {
			a.Namespace, a.Metric, a.Function = "AWS/Lambda", "AsyncEventsDropped", "expire"
		},
		`alarm a: queue expiries has a delay, so the threshold needs afterDelay`: func(a *topology.Alarm) {
			a.Namespace, a.Metric, a.Queue = "AWS/SQS", "ApproximateAgeOfOldestMessage", "expiries"
		},
		`alarm a: afterDelay is of ApproximateAgeOfOldestMessage of a queue with a delay`: func(a *topology.Alarm) {
			a.Namespace, a.Metric, a.Queue, a.AfterDelay = "AWS/SQS", "ApproximateAgeOfOldestMessage", "orders", true
		},
		`alarm "mirror-late" is there twice`: func(a *topology.Alarm) { a.Name = "mirror-late" },
	} {
		s := load(t)
		a := topology.Alarm{Name: "a", Purpose: "test", Metric: "DecisionLag", Statistic: "Sum", Seconds: 60}
		change(&a)
		s.Alarms = append(s.Alarms, a)
		if err := s.Validate(); err == nil || err.Error() != "topology: "+want {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
