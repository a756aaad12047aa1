// Package e2e has the end-to-end tests: they speak HTTP to a running stack (make e2e starts one of its own) and assert
// on observable facts, answers and rows, waiting on conditions. Every answer of a documented route is held to
// contracts/openapi. Without a stack in the environment they say so and are skipped.
package e2e
