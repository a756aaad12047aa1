// Command devstack runs a whole Boxoffice on one machine: an AWS emulator, Redis, and the functions that would be deployed, built
// from the same sources and the same topology.
package main

import "boxoffice/scripts/internal/cli"

func main() { cli.Main(run) }
