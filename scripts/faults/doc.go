// Package faults has the tests that break a running pipeline: functions are killed, stopped, disconnected from their services and
// given poison messages; Redis is emptied. Then rows, events, seats and responses are compared. Each test has its own stack, so
// that tests that mostly wait run in parallel. `make faults` runs them. They need a devstack (DEVSTACK); without it they are
// skipped with a message.
package faults
