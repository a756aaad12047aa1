// Package contracts holds the words that both sides share: ids, money, instants, the status graph of an order and
// the reason codes of a refusal.
//
// Everything below contracts is pure: standard library only, no clock, no randomness, no I/O. Producers and consumers
// may import it and nothing else of each other; the site and the infrastructure read the same facts from its data files.
package contracts
