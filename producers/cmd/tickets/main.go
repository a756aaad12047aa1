// Command tickets is the Lambda behind the routes of tickets. It alone has the keys that sign them.
package main

import (
	// The runtime image has no time zone database, and tickets show the time at the venue.
	_ "time/tzdata"

	"boxoffice/producers/internal/boot"
)

func main() { boot.Main("tickets", wire) }
