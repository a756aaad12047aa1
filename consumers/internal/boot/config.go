package boot

import "time"

// RowTables are the variables of a consumer that needs only rows and messages. Their names, as all names here, are those in
// contracts/topology, which the local stack and Terraform resolve.
type RowTables struct {
	OrdersTable     string `env:"ORDERS_TABLE,notEmpty"`
	TicketsTable    string `env:"TICKETS_TABLE,notEmpty"`
	AllowancesTable string `env:"ALLOWANCES_TABLE,notEmpty"`
	// DeadLettersTable also stores the notes of attempts.
	DeadLettersTable string `env:"DEADLETTERS_TABLE,notEmpty"`
}

// Redis are the variables of the Redis that has the seat groups.
type Redis struct {
	RedisAddress  string `env:"REDIS_ADDRESS,notEmpty"`
	RedisUser     string `env:"REDIS_USER"`
	RedisPassword string `env:"REDIS_PASSWORD"`
}

// Stores are the variables of a consumer that loads and holds seat groups.
type Stores struct {
	RowTables
	Redis
	ConcertsTable string `env:"CONCERTS_TABLE,notEmpty"`
	LayoutsTable  string `env:"LAYOUTS_TABLE,notEmpty"`
	GroupsTable   string `env:"GROUPS_TABLE,notEmpty"`
	// HoldSeconds is the length of a hold. The delay of the queue of expiries follows it.
	HoldSeconds int `env:"HOLD_SECONDS,notEmpty"`
}

// HoldFor returns HoldSeconds as a duration.
func (s Stores) HoldFor() time.Duration { return time.Duration(s.HoldSeconds) * time.Second }

// Source are the variables of the queue that a consumer reads and of its dead-letter queue.
type Source struct {
	QueueURL      string `env:"SOURCE_QUEUE_URL,notEmpty"`
	DeadLetterURL string `env:"DEAD_LETTER_QUEUE_URL,notEmpty"`
}
