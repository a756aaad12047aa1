// Package architecture has the rules of the tree as a test: who may import whom, which packages are pure, and what
// every package and command must have. Each rule gives its reason where it is broken.
package architecture
