package seatstate

import "time"

// Times are compared with D, the end of a hold. What counts is the order of the three; clocks may differ by less than
// 10 s without harm.
const (
	// ExpireAfter: the row of an order is EXPIRED from D + 10 s on, which is the normal way its places become free.
	ExpireAfter = 10 * time.Second
	// CommitUntil: an authorization handled after D + 45 s finds the order over.
	CommitUntil = 45 * time.Second
	// LapseAfter: the entry in Redis lapses at D + 60 s. It is the backstop for a hold whose row was never written.
	LapseAfter = 60 * time.Second
	// RecordKept is how long the record of an order outlives its end.
	RecordKept = 15 * time.Minute
	// LagKept is how long a group's lag stands after the decision that left it: a lag that stayed after its cause would
	// refuse buyers for ever.
	LagKept = 10 * time.Second
	// PaymentLagKept is that of payments. It is longer, since a step waits for Stripe and a pause of a minute is no news.
	PaymentLagKept = 90 * time.Second
	// PaceEvery is how often at most a process leaves its lag for all groups, or of payments, and reads either.
	PaceEvery = time.Second
	// SweepLimit is how many lapsed orders, and how many records, one script call clears before its own work.
	SweepLimit = 8
)
