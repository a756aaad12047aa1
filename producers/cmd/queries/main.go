// Command queries is the Lambda behind everything that only reads, and behind the default route.
package main

import (
	// The runtime image has no time zone database, and filters by date are in the venue's zone.
	_ "time/tzdata"

	"boxoffice/producers/internal/boot"
)

func main() { boot.Main("queries", wire) }
