package telemetry

import (
	"strconv"
	"sync"
	"time"
)

// maxValues is how many values CloudWatch takes of one metric in one line.
const maxValues = 100

// Calls gathers the calls to dependencies that one invocation makes, and writes them as the metric DependencyCall: a line for
// each dependency and result, with the milliseconds of every call in it, so that their number, sum and percentiles are exact. A
// line a call would cost more than the calls: an order has some ten of them, and lines are paid for by their bytes. It is safe
// for concurrent use; a nil Calls drops all.
type Calls struct {
	meter *Meter

	mu sync.Mutex
	// series are few, one a dependency and result that was seen, so they are searched in their order.
	series []*series
	line   []byte
}

type series struct {
	dependency, result string
	values             []float64
	// end is what a line of it ends with.
	end []byte
}

// NewCalls writes through a meter.
func NewCalls(meter *Meter) *Calls { return &Calls{meter: meter} }

// Add notes one call: the name of the dependency, what it came to, and how long it took. Both words are of low cardinality.
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

// Flush writes what was noted since the last one. It is called at the end of each invocation: after that the process may be
// frozen, or ended, at any time.
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

// of needs the lock, as write does.
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

// write puts a line together by hand: it is the one that every invocation writes.
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
