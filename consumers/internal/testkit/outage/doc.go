// Package outage tests what happens to orders and messages while a dependency is unreachable for minutes. It runs the deployed
// handlers, sqsbatch, breakers and backoff over stores and queues in memory, in simulated time.
package outage
