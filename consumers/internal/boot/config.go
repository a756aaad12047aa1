package boot

import "time"

// Stores are the variables that every consumer of a seat group's queue needs. Their names are those of
// contracts/topology, which the local stack and Terraform resolve.
type Stores struct {
	ConcertsTable   string `env:"CONCERTS_TABLE,notEmpty"`
	LayoutsTable    string `env:"LAYOUTS_TABLE,notEmpty"`
	OrdersTable     string `env:"ORDERS_TABLE,notEmpty"`
	TicketsTable    string `env:"TICKETS_TABLE,notEmpty"`
	GroupsTable     string `env:"GROUPS_TABLE,notEmpty"`
	AllowancesTable string `env:"ALLOWANCES_TABLE,notEmpty"`
	// DeadLettersTable also has the notes of attempts.
	DeadLettersTable string `env:"DEADLETTERS_TABLE,notEmpty"`
	// HoldSeconds is the length of a hold; the queue of expiries has a delay that fits it.
	HoldSeconds   int    `env:"HOLD_SECONDS,notEmpty"`
	RedisAddress  string `env:"REDIS_ADDRESS,notEmpty"`
	RedisUser     string `env:"REDIS_USER"`
	RedisPassword string `env:"REDIS_PASSWORD"`
}

// HoldFor is HoldSeconds as a duration.
func (s Stores) HoldFor() time.Duration { return time.Duration(s.HoldSeconds) * time.Second }

// Source are the queue that a consumer reads and where its poison goes.
type Source struct {
	QueueURL      string `env:"SOURCE_QUEUE_URL,notEmpty"`
	DeadLetterURL string `env:"DEAD_LETTER_QUEUE_URL,notEmpty"`
}
