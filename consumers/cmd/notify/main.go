// Command notify is the Lambda behind the queue notifications: it tells buyers what became of their orders, by frames and mails.
package main

import (
	// Dates in mails are in the zone of the venue, and the function's system has no zones.
	_ "time/tzdata"

	"boxoffice/consumers/internal/boot"
)

func main() { boot.Main("notify", wire) }
