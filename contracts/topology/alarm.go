package topology

import (
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

func (v *validator) alarms() {
	v.unique("alarm", names(v.t.Alarms, func(a Alarm) string { return a.Name }))
	for _, a := range v.t.Alarms {
		where := "alarm " + a.Name
		if a.Seconds < 60 || a.Seconds%60 != 0 {
			v.addf("%s: seconds must be a multiple of 60, is %d", where, a.Seconds)
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
}
