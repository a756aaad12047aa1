// Package contracts defines the types that producers and consumers share: ids, money, instants, the status graph of an
// order and the reason codes.
//
// The packages below contracts import only the standard library. They read no clock, use no randomness and make no call
// over a network. Producers and consumers import contracts and nothing else of each other; the site and the infrastructure
// read its data files.
package contracts
