package topology

import (
	"regexp"
	"slices"
	"strings"
)

// Alarm is a CloudWatch alarm. It is raised when Statistic of Metric over Seconds is over Threshold or, with Below, under it.
// It has one evaluation period.
//
// A metric of contracts/telemetry has no Namespace; all others have the namespace of the AWS service that writes them. Function
// and Queue are names in this specification and select the function's or the queue's series. With Function, a metric of ours is
// the series that has only this dimension. Without Function and Queue all series of the metric count together, by a Metrics
// Insights query, which knows Sum, Maximum and Average but no percentiles.
type Alarm struct {
	Name string `json:"name"`
	// Purpose says which promise is broken when the alarm is raised, and who is affected.
	Purpose   string `json:"purpose"`
	Namespace string `json:"namespace,omitempty"`
	Metric    string `json:"metric"`
	Function  string `json:"function,omitempty"`
	Queue     string `json:"queue,omitempty"`
	// Statistic is Sum, Maximum, Average or a percentile such as p99.
	Statistic string  `json:"statistic"`
	Threshold float64 `json:"threshold"`
	// AfterDelay means that Threshold, in seconds, counts from the end of the queue's delay: see Topology.Threshold. It is
	// required for the age of the oldest message of a queue with a delay: AWS does not say whether that age includes the delay.
	AfterDelay bool `json:"afterDelay,omitempty"`
	// Below raises the alarm under Threshold instead of over it, and also if there are no values. Without Below, no values
	// raise no alarm.
	Below   bool `json:"below,omitempty"`
	Seconds int  `json:"seconds"`
}

// awsMetrics are the AWS metrics that alarms may use, by namespace. of is the member of Alarm that must select the series.
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

// Threshold returns the threshold of an alarm in the unit of its metric. With AfterDelay it includes the delay of the queue.
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

// metricOf checks the metric of an alarm. It does not check the names of metrics of ours: a test compares those with
// contracts/telemetry.
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
	// An alarm on a series that is never written is never raised.
	f, found := v.t.FunctionNamed(a.Function)
	if found && a.Metric == "IteratorAge" && f.Stream == nil {
		v.addf("%s: %s has no stream, so it has no IteratorAge", where, f.Name)
	}
	if found && a.Metric == "AsyncEventsDropped" && f.Asynchronous == nil {
		v.addf("%s: %s is not invoked asynchronously, so it has no AsyncEventsDropped", where, f.Name)
	}
}

// afterDelay checks AfterDelay. Without it a threshold below the delay could be exceeded by every message.
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
