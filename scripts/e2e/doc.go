// Package e2e has the end-to-end tests: they send HTTP requests to a running stack (make e2e starts one for them), and check
// responses and rows, waiting for conditions. Every response of a documented route is validated against contracts/openapi. The
// tests need a stack in the environment (API_BASE_URL); without it they are skipped with a message.
package e2e
