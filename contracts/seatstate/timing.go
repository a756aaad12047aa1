package seatstate

import "time"

// The first three times count from D, the end of a hold. Their order is what matters: each must be later than the one before.
// Clocks may differ by up to 10 s without harm.
const (
	// ExpireAfter: an unpaid order can become EXPIRED from D + 10 s on. That is the normal way in which its places become free.
	ExpireAfter = 10 * time.Second
	// CommitUntil: an authorisation that is handled after D + 45 s is too late for the order.
	CommitUntil = 45 * time.Second
	// LapseAfter: the entry in Redis lapses at D + 60 s. This frees the places of a hold whose row was never written.
	LapseAfter = 60 * time.Second
	// RecordKept is how long the record of an order outlives its end.
	RecordKept = 15 * time.Minute
	// LagKept is how long Redis keeps a lag of decisions after it was reported: a lag that outlived its cause would refuse
	// buyers for ever.
	LagKept = 10 * time.Second
	// PaymentLagKept is how long Redis keeps the lag of payments. It is longer than LagKept, because a payment step waits for
	// Stripe and a pause of a minute is normal.
	PaymentLagKept = 90 * time.Second
	// PaceEvery is the minimum time between two reports, or two reads, of the lag of all groups or of payments by one process.
	PaceEvery = time.Second
	// SweepLimit is the maximum number of lapsed orders, and of ended records, that one script call deletes before its own work.
	SweepLimit = 8
)
