// Package outage has the tests of what becomes of orders and messages while a dependency is away for minutes: the deployed
// handlers, sqsbatch, breakers and backoff, over stores and queues in memory and in simulated time.
package outage
