// Command gate checks tickets at the entrance of a concert, offline.
package main

import (
	"boxoffice/scripts/internal/cli"
)

func main() { cli.Main(runHere) }
