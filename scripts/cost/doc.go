// Package cost has tests that count every call of the deployed functions to Redis, DynamoDB, SQS, EventBridge and Stripe, for
// each step of an order, and compare the counts with the tables of README.md. Each test brings a stack of its own up.
package cost
