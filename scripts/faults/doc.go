// Package faults has the tests that break a running pipeline: functions are killed, cut off from what they depend on,
// frozen and given poison, Redis is emptied; then rows, events, seats and answers are compared. Each test has a stack of
// its own, so that those which mostly wait run side by side. `make faults` runs them; without a devstack in the environment
// they say so and are skipped.
package faults
