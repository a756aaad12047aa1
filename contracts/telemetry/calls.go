package telemetry

import (
	"strconv"
	"sync"
	"time"
)

// maxValues is the maximum number of values of one metric that CloudWatch accepts in one line.
const maxValues = 100

// Calls collects the calls of one invocation to its dependencies and writes them as the metric DependencyCall: one line for
// each dependency and result, with the milliseconds of every call, so that count, sum and percentiles are exact. One line for
// each call would cost more than the calls themselves: an order makes about ten calls, and log lines are paid by the byte.
// Calls is safe for concurrent use. A nil Calls drops all.
type Calls struct {
	meter *Meter

	mu sync.Mutex
	// series has one element for each dependency and result. They are few, so a linear search is enough.
	series []*series
	line   []byte
}

type series struct {
	dependency, result string
	values             []float64
	// end is the end of each of its lines.
	end []byte
}

// NewCalls returns a Calls that writes through a meter.
func NewCalls(meter *Meter) *Calls { return &Calls{meter: meter} }

// Add records one call: the name of the dependency, the result and the duration. Both names must have few different values.
func (c *Calls) Add(dependency, result string, took time.Duration) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.of(dependency, result)
	if s.values = append(s.values, Milliseconds(took)); len(s.values) == maxValues {
		c.write(s)
	}
}

// Flush writes what was added since the last Flush. It must be called at the end of each invocation: after that Lambda may
// freeze or end the process at any time.
func (c *Calls) Flush() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.series {
		if len(s.values) > 0 {
			c.write(s)
		}
	}
}

// of returns the series of a dependency and result. It must be called under the lock, as must write.
func (c *Calls) of(dependency, result string) *series {
	for _, s := range c.series {
		if s.dependency == dependency && s.result == result {
			return s
		}
	}
	s := &series{dependency: dependency, result: result}
	members := []byte{'{', '}'}
	for _, d := range []Dimension{{KeyFunction, c.function()}, {KeyDependency, dependency}, {KeyResult, result}} {
		members = appendMember(members, d.Name, d.Value)
	}
	members = append(members, '\n')
	s.end = members[1:]
	c.series = append(c.series, s)
	return s
}

func (c *Calls) function() string {
	if c.meter == nil {
		return ""
	}
	return c.meter.function
}

// write builds the line by hand instead of with encoding/json, because every invocation writes it.
func (c *Calls) write(s *series) {
	if c.meter != nil {
		line := c.line[:0]
		line = append(line, `{"_aws":{"Timestamp":`...)
		line = strconv.AppendInt(line, c.meter.now().UnixMilli(), 10)
		line = append(line, `,"CloudWatchMetrics":[{"Namespace":"`+Namespace+`","Dimensions":[["`+KeyFunction+`","`+KeyDependency+`","`+KeyResult+
			`"]],"Metrics":[{"Name":"`...)
		line = append(append(line, DependencyCall.Name...), `","Unit":"`...)
		line = append(append(line, DependencyCall.Unit...), `"}]}]},"`...)
		line = append(append(line, DependencyCall.Name...), `":[`...)
		for i, v := range s.values {
			if i > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendFloat(line, v, 'f', -1, 64)
		}
		line = append(append(line, ']'), s.end...)
		c.line = line
		c.meter.write(line)
	}
	s.values = s.values[:0]
}
