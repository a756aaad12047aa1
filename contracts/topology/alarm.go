package topology

import (
	"regexp"
	"slices"
	"strings"
)

// Alarm is a CloudWatch alarm: it is raised when Statistic of Metric over Seconds is over Threshold, or, with Below, under it.
// It has one evaluation period.
//
// A metric of contracts/telemetry has no Namespace; any other has that of the AWS service that writes it. Function and Queue
// are names of this specification and say whose metric is meant. With Function, a metric of ours is the series that has this
// dimension alone. Without Function and Queue all series of the metric count together, by a Metrics Insights query, which has
// Sum, Maximum and Average and no percentiles.
type Alarm struct {
	Name string `json:"name"`
	// Purpose says which promise is broken, and to whom.
	Purpose   string `json:"purpose"`
	Namespace string `json:"namespace,omitempty"`
	Metric    string `json:"metric"`
	Function  string `json:"function,omitempty"`
	Queue     string `json:"queue,omitempty"`
	// Statistic is Sum, Maximum, Average or a percentile such as p99.
	Statistic string  `json:"statistic"`
	Threshold float64 `json:"threshold"`
	// AfterDelay says that Threshold, in seconds, counts from the end of the queue's delay: see Topology.Threshold. The age of
	// the oldest message of a queue with a delay has it, since AWS does not say whether that age includes the delay.
	AfterDelay bool `json:"afterDelay,omitempty"`
	// Below raises the alarm under Threshold instead of over it. Silence then counts as under it; otherwise silence is well.
	Below   bool `json:"below,omitempty"`
	Seconds int  `json:"seconds"`
}

// AWS metrics that alarms may use, by namespace, with the member of Alarm that has to say whose.
var awsMetrics = map[string]struct {
	of      string
	metrics []string
}{
	"AWS/Lambda": {"function", []string{"Invocations", "Errors", "Throttles", "Duration", "IteratorAge", "AsyncEventsDropped"}},
	"AWS/SQS":    {"queue", []string{"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"}},
}

// ageOfOldest is the age of the oldest message that was not deleted, in seconds.
const ageOfOldest = "ApproximateAgeOfOldestMessage"

var (
	metricForm    = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)
	statisticForm = regexp.MustCompile(`^(Sum|Maximum|Average|p[0-9]{1,2}([.][0-9])?)$`)
)

// Threshold of an alarm, in the unit of its metric: with AfterDelay the delay of its queue is added.
func (t Topology) Threshold(a Alarm) float64 {
	if q, found := t.QueueNamed(a.Queue); found && a.AfterDelay {
		return a.Threshold + t.Delay(q).Seconds()
	}
	return a.Threshold
}

func (v *validator) alarms() {
	for _, a := range v.t.Alarms {
		where := "alarm " + a.Name
		if a.Purpose == "" {
			v.addf("%s has no purpose", where)
		}
		v.formed(where+": metric", a.Metric, metricForm)
		v.formed(where+": statistic", a.Statistic, statisticForm)
		if a.Seconds < 60 || a.Seconds > 86400 || a.Seconds%60 != 0 {
			v.addf("%s: seconds must be a multiple of 60 up to 86400, is %d", where, a.Seconds)
		}
		if a.Threshold < 0 {
			v.addf("%s: threshold must not be negative, is %v", where, a.Threshold)
		}
		if a.Below && a.Threshold == 0 {
			v.addf("%s: nothing is below a threshold of 0", where)
		}
		if a.Function != "" && !slices.Contains(names(v.t.Functions, func(f Function) string { return f.Name }), a.Function) {
			v.addf("%s names unknown function %q", where, a.Function)
		}
		if a.Queue != "" {
			v.queueExists(where, a.Queue)
		}
		if strings.HasPrefix(a.Statistic, "p") && a.Function == "" && a.Queue == "" {
			v.addf("%s: a percentile needs a function or a queue", where)
		}
		v.metricOf(a, where)
		v.afterDelay(a, where)
	}
}

// metricOf: which metrics are ours is known to contracts/telemetry, which a test holds the alarms to.
func (v *validator) metricOf(a Alarm, where string) {
	if a.Namespace == "" {
		if a.Queue != "" {
			v.addf("%s: a metric of ours has no queue", where)
		}
		return
	}
	known, found := awsMetrics[a.Namespace]
	if !found || !slices.Contains(known.metrics, a.Metric) {
		v.addf("%s: %s has no metric %q that is known here", where, a.Namespace, a.Metric)
		return
	}
	if (known.of == "function") != (a.Function != "") || (known.of == "queue") != (a.Queue != "") {
		v.addf("%s: a metric of %s needs a %s and nothing else", where, a.Namespace, known.of)
	}
	// A series that is never written raises nothing.
	f, found := v.t.FunctionNamed(a.Function)
	if found && a.Metric == "IteratorAge" && f.Stream == nil {
		v.addf("%s: %s has no stream, so it has no IteratorAge", where, f.Name)
	}
	if found && a.Metric == "AsyncEventsDropped" && f.Asynchronous == nil {
		v.addf("%s: %s is not invoked asynchronously, so it has no AsyncEventsDropped", where, f.Name)
	}
}

// afterDelay: a threshold below the delay would be passed by each message, if the age counts the delay.
func (v *validator) afterDelay(a Alarm, where string) {
	q, found := v.t.QueueNamed(a.Queue)
	delayed := found && a.Metric == ageOfOldest && v.t.Delay(q) > 0
	if delayed && !a.AfterDelay {
		v.addf("%s: queue %s has a delay, so the threshold needs afterDelay", where, a.Queue)
	}
	if a.AfterDelay && !delayed {
		v.addf("%s: afterDelay is of %s of a queue with a delay", where, ageOfOldest)
	}
}
