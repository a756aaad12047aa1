// Package architecture has the rules of the tree as tests: which package may import which, which packages are pure, and what
// every package and command must have. A broken rule is reported with its reason.
package architecture
