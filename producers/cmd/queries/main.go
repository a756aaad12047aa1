// Command queries is the Lambda behind all routes that only read, and behind the default route.
package main

import (
	// The runtime image has no time zone database, and filters by date use the venue's zone.
	_ "time/tzdata"

	"boxoffice/producers/internal/boot"
)

func main() { boot.Main("queries", wire) }
