// Command mutants plants known harmful bugs one at a time and reports those that no test finds (make mutants). A bug is a text of
// one file and its replacement. It is compiled in by an overlay, so that the tree is never changed, and only the tests of one
// package run.
package main

import "boxoffice/scripts/internal/cli"

func main() { cli.Main(run) }
