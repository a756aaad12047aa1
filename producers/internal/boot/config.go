package boot

// Edge is part of the config struct of every function that has routes. Main itself reads the value.
type Edge struct {
	// OriginSecrets are one or two values of the header that the edge adds, separated by a comma: package origin. Without any,
	// requests that did not come through the edge are handled too.
	OriginSecrets string `env:"ORIGIN_SECRETS"`
}

// Reads are the variables that every producer of orders reads. Their names are those of contracts/topology, which the local stack
// and Terraform resolve.
type Reads struct {
	Edge
	ConcertsTable string `env:"CONCERTS_TABLE,notEmpty"`
	LayoutsTable  string `env:"LAYOUTS_TABLE,notEmpty"`
	OrdersTable   string `env:"ORDERS_TABLE,notEmpty"`
	// OrderIDSecrets are "version:base64url,…", the newest first.
	OrderIDSecrets   string `env:"ORDER_ID_SECRETS,notEmpty"`
	HomeRegionLetter string `env:"HOME_REGION_LETTER,notEmpty"`
	RedisAddress     string `env:"REDIS_ADDRESS,notEmpty"`
	RedisUser        string `env:"REDIS_USER"`
	RedisPassword    string `env:"REDIS_PASSWORD"`
}
