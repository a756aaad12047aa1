package boot

import "time"

// RowTables are the variables of a consumer that acts by rows and messages alone. Their names, as those of the others here,
// are those of contracts/topology, which the local stack and Terraform resolve.
type RowTables struct {
	OrdersTable     string `env:"ORDERS_TABLE,notEmpty"`
	TicketsTable    string `env:"TICKETS_TABLE,notEmpty"`
	AllowancesTable string `env:"ALLOWANCES_TABLE,notEmpty"`
	// DeadLettersTable also has the notes of attempts.
	DeadLettersTable string `env:"DEADLETTERS_TABLE,notEmpty"`
}

// Redis is where seat groups are.
type Redis struct {
	RedisAddress  string `env:"REDIS_ADDRESS,notEmpty"`
	RedisUser     string `env:"REDIS_USER"`
	RedisPassword string `env:"REDIS_PASSWORD"`
}

// Stores are the variables that every consumer needs besides that loads and holds a seat group.
type Stores struct {
	RowTables
	Redis
	ConcertsTable string `env:"CONCERTS_TABLE,notEmpty"`
	LayoutsTable  string `env:"LAYOUTS_TABLE,notEmpty"`
	GroupsTable   string `env:"GROUPS_TABLE,notEmpty"`
	// HoldSeconds is the length of a hold; the queue of expiries has a delay that fits it.
	HoldSeconds int `env:"HOLD_SECONDS,notEmpty"`
}

// HoldFor is HoldSeconds as a duration.
func (s Stores) HoldFor() time.Duration { return time.Duration(s.HoldSeconds) * time.Second }

// Source are the queue that a consumer reads and where its poison goes.
type Source struct {
	QueueURL      string `env:"SOURCE_QUEUE_URL,notEmpty"`
	DeadLetterURL string `env:"DEAD_LETTER_QUEUE_URL,notEmpty"`
}
