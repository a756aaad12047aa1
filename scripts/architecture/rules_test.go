package architecture

// A rule says what the packages of a part may import beside the standard library. Paths are of this module without its
// name, or of others in full; a trailing /... takes all below.
type rule struct {
	// from are the packages that the rule is for. The first rule that takes a package is its rule.
	from []string
	may  []string
	// oneOf are imports of which a package has one at most.
	oneOf []string
	why   string
}

// testOnly packages are imported by tests and by each other, and by nothing that ships.
var testOnly = []string{"consumers/internal/memory/...", "consumers/internal/testkit/...", "producers/internal/boottest", "producers/internal/contracttest", "producers/internal/identity/identitytest", "producers/internal/connections/connectionstest", "producers/internal/ministacktest"}

const (
	lambda  = "github.com/aws/aws-lambda-go/..."
	awsCore = "github.com/aws/aws-sdk-go-v2/aws/..."
	sqs     = "github.com/aws/aws-sdk-go-v2/service/sqs/..."
	dynamo  = "github.com/aws/aws-sdk-go-v2/service/dynamodb/..."
	values  = "github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	ses     = "github.com/aws/aws-sdk-go-v2/service/sesv2/..."
	gateway = "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/..."
	redis   = "github.com/redis/go-redis/v9/..."
	breaker = "github.com/sony/gobreaker"
	stripe  = "github.com/stripe/stripe-go/v76/..."
	smithy  = "github.com/aws/smithy-go/..."
)

var rules = []rule{
	{
		from: []string{"contracts/..."},
		may:  []string{"contracts/..."},
		why:  "contracts are what every side agrees on: standard library only, no I/O, so that anything can import them",
	},

	// Producers
	{
		from: []string{"producers/internal/admission", "producers/internal/orderid", "producers/internal/pace"},
		may:  []string{"contracts/...", "producers/internal/pace"},
		why:  "what decides about a request is pure: it is tested without any store",
	},
	{
		from: []string{"producers/internal/browse"},
		may:  []string{"contracts/...", "golang.org/x/text/..."},
		why:  "what a filter finds is pure: it is tested without any store or request",
	},
	{
		from: []string{"producers/internal/httpapi"},
		may:  []string{"contracts/...", "producers/internal/admission", "producers/internal/pace", lambda, "github.com/go-json-experiment/json/..."},
		why:  "the HTTP edge knows forms, not stores",
	},
	{
		from: []string{"producers/internal/orders", "producers/internal/queries", "producers/internal/webhook", "producers/internal/catalogue", "producers/internal/operations"},
		may:  []string{"contracts/...", "producers/internal/admission", "producers/internal/browse", "producers/internal/httpapi", "producers/internal/pace"},
		why:  "a handler declares its ports: never an SDK, an adapter or another handler; cmd wires them",
	},
	{
		from: []string{"producers/internal/identity/rules"},
		may:  []string{"golang.org/x/net/idna", "golang.org/x/text/..."},
		why:  "what an account may have is pure: it is tested without any store",
	},
	{
		from: []string{"producers/internal/identity/passwordhash"},
		may:  []string{"github.com/alexedwards/argon2id"},
		why:  "one package knows how passwords are hashed",
	},
	{
		from: []string{"producers/internal/identity/accesstoken"},
		may:  []string{"contracts/...", "github.com/go-jose/go-jose/v4/..."},
		why:  "one package knows how tokens are signed",
	},
	{
		from: []string{"producers/internal/identity"},
		may:  []string{"contracts/...", "producers/internal/httpapi", "producers/internal/identity/rules", "producers/internal/identity/accesstoken"},
		why:  "a handler declares its ports: never an SDK, an adapter or another handler; cmd wires them",
	},
	{
		from: []string{"producers/internal/identity/identitytest"},
		may:  []string{"contracts/...", "producers/internal/identity"},
		why:  "test support stays on its own side",
	},
	{
		from: []string{"producers/internal/dynamoaccount"},
		may:  []string{"contracts/...", "producers/internal/breaker", "producers/internal/identity", awsCore, dynamo, values},
		why:  "an adapter has one SDK",
	},
	{
		from: []string{"producers/internal/socketapi"},
		may:  []string{"contracts/...", "producers/internal/httpapi", lambda},
		why:  "the WebSocket edge knows forms, not stores",
	},
	{
		from: []string{"producers/internal/connections"},
		may:  []string{"contracts/...", "producers/internal/httpapi", "producers/internal/socketapi"},
		why:  "a handler declares its ports: never an SDK, an adapter or another handler; cmd wires them",
	},
	{
		from: []string{"producers/internal/connections/connectionstest"},
		may:  []string{"contracts/...", "producers/internal/connections"},
		why:  "test support stays on its own side",
	},
	{
		from: []string{"producers/internal/dynamoconnections"},
		may:  []string{"contracts/...", "producers/internal/breaker", "producers/internal/connections", awsCore, dynamo, values},
		why:  "an adapter has one SDK",
	},
	{
		from: []string{"producers/internal/ministacktest"},
		may:  []string{"contracts/...", "producers/internal/boot", awsCore, "github.com/aws/aws-sdk-go-v2/credentials", dynamo},
		why:  "test support stays on its own side",
	},
	{
		from: []string{"producers/internal/ticketpdf"},
		may:  []string{"codeberg.org/go-pdf/fpdf", "github.com/boombuler/barcode/qr", "github.com/mozillazg/go-unidecode", "golang.org/x/text/..."},
		why:  "what is printed is pure: it depends on the document alone, and one package knows how a PDF is made",
	},
	{
		from: []string{"producers/internal/tickets"},
		may:  []string{"contracts/...", "producers/internal/admission", "producers/internal/httpapi", "producers/internal/ticketpdf", "golang.org/x/text/language"},
		why:  "a handler declares its ports: never an SDK, an adapter or another handler; cmd wires them",
	},
	{
		from: []string{"producers/internal/breaker"},
		may:  []string{awsCore, breaker},
		why:  "one package knows breakers: it decides how long a failing service is not called",
	},
	{
		from: []string{"producers/internal/dynamoread"},
		may:  []string{"contracts/...", "producers/internal/admission", "producers/internal/breaker", awsCore, dynamo, values},
		why:  "an adapter has one SDK",
	},
	{
		from: []string{"producers/internal/redisread"},
		may:  []string{"contracts/...", "producers/internal/admission", "producers/internal/breaker", "producers/internal/pace", redis},
		why:  "an adapter has one SDK",
	},
	{
		from: []string{"producers/internal/sqssend"},
		may:  []string{"contracts/...", "producers/internal/breaker", awsCore, sqs},
		why:  "an adapter has one SDK",
	},
	{
		from: []string{"producers/internal/stripesignature"},
		may:  []string{"contracts/...", "producers/internal/webhook", "github.com/stripe/stripe-go/v76/webhook"},
		why:  "the producers check Stripe's signatures and never call Stripe",
	},
	{
		from: []string{"producers/internal/contracttest"},
		may:  []string{"contracts/...", "producers/internal/httpapi", "github.com/pb33f/..."},
		why:  "test support stays on its own side",
	},
	{
		from: []string{"producers/..."},
		may:  []string{"contracts/...", "producers/...", lambda, awsCore, "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/smithy-go/logging", sqs, dynamo, "github.com/caarlos0/env/v11"},
		why:  "boot and cmd wire their own side and nothing else",
	},

	// Consumers
	{
		from: []string{"consumers/internal/order", "consumers/internal/holds"},
		may:  []string{"contracts/..."},
		why:  "orders and holds are pure: no clock, no randomness, no I/O",
	},
	{
		from: []string{"consumers/internal/retry"},
		may:  []string{"contracts/...", breaker, "github.com/cenkalti/backoff/v4"},
		why:  "retry alone knows breakers and backoff, so that simulated time can stand in for both",
	},
	{
		from: []string{"consumers/internal/commit", "consumers/internal/pay"},
		may:  []string{"contracts/...", "consumers/internal/order", "consumers/internal/retry"},
		why:  "a buyer who paid in time must not lose his seats because Redis is down: these know rows and messages, and no seats in Redis",
	},
	{
		from: []string{"consumers/internal/seats"},
		may:  []string{"contracts/...", "consumers/internal/order", "consumers/internal/holds", "consumers/internal/retry"},
		why:  "what handlers share stands below them",
	},
	{
		from: []string{"consumers/internal/reserve", "consumers/internal/expire", "consumers/internal/mirror", "consumers/internal/reconcile", "consumers/internal/publish"},
		may: []string{
			"contracts/...", "consumers/internal/order", "consumers/internal/holds", "consumers/internal/retry", "consumers/internal/seats",
			"consumers/internal/expire", "consumers/internal/mirror", "consumers/internal/lambda/streambatch",
		},
		why: "a handler declares its ports: never an SDK, never an adapter, so that a simulation can run it as it is",
	},
	{
		from: []string{"consumers/internal/mails"},
		may:  []string{"contracts/...", "github.com/wneessen/go-mail"},
		why:  "what a mail says and its bytes are pure: they are tested without anything that sends",
	},
	{
		from: []string{"consumers/internal/notify"},
		may:  []string{"contracts/...", "consumers/internal/order", "consumers/internal/retry", "consumers/internal/mails"},
		why:  "a handler declares its ports: never an SDK, never an adapter; and nothing that notifies knows seats in Redis or Stripe",
	},
	{
		from: []string{"consumers/internal/lambda/..."},
		may:  []string{"contracts/...", "consumers/internal/retry", "github.com/aws/aws-lambda-go/events", dynamo, values},
		why:  "these alone see a batch of Lambda, so that no handler can acknowledge by mistake",
	},
	{
		from: []string{"consumers/internal/adapters/awsclient", "consumers/internal/adapters/redisclient"},
		may:  []string{"contracts/...", "consumers/internal/retry", redis, awsCore, "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/service/dynamodb/types", smithy},
		why:  "how a process speaks to AWS or to Redis is the same for every adapter that does, and knows none of them",
	},
	{
		from: []string{"consumers/internal/adapters/..."},
		may: []string{
			"contracts/...", "consumers/internal/order", "consumers/internal/holds", "consumers/internal/retry", "consumers/internal/pay", "consumers/internal/reconcile",
			"consumers/internal/mails", "consumers/internal/notify",
			"consumers/internal/lambda/sqsbatch", "consumers/internal/adapters/awsclient", "consumers/internal/adapters/redisclient",
			awsCore, dynamo, values, sqs, "github.com/aws/aws-sdk-go-v2/service/eventbridge/...", redis, stripe, ses, gateway,
		},
		oneOf: []string{dynamo, sqs, "github.com/aws/aws-sdk-go-v2/service/eventbridge/...", redis, stripe, ses, gateway},
		why:   "an adapter has one SDK and fills the port of its handlers; never another adapter",
	},
	{
		from: []string{"consumers/internal/memory/..."},
		may:  []string{"contracts/...", "consumers/internal/order", "consumers/internal/holds", "consumers/internal/retry", "consumers/internal/pay", "consumers/internal/notify", "consumers/internal/lambda/sqsbatch", "github.com/aws/aws-lambda-go/events"},
		why:  "what is in memory stands beside the real store under the same suite, and needs nothing else",
	},
	{
		from: []string{"consumers/internal/testkit/..."},
		may:  []string{"contracts/...", "consumers/internal/...", "pgregory.net/rapid", redis, awsCore, "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/credentials", dynamo, sqs, "github.com/aws/aws-lambda-go/events"},
		why:  "test support stays on its own side",
	},
	{
		from: []string{"consumers/..."},
		may:  []string{"contracts/...", "consumers/...", lambda, awsCore, "github.com/aws/aws-sdk-go-v2/config", sqs, dynamo, ses, "github.com/aws/aws-sdk-go-v2/service/eventbridge/...", "github.com/caarlos0/env/v11"},
		why:  "boot and cmd wire their own side and nothing else",
	},

	// Scripts
	{
		from: []string{"scripts/..."},
		may:  []string{"contracts/...", "consumers/sim", "scripts/...", "*"},
		why:  "scripts may use any library, but no inside of a side: what they prove, they prove from outside",
	},
}

// pure packages read neither clock, randomness nor anything outside the process. Their tests may.
var pure = []string{
	"contracts/...",
	"producers/internal/admission", "producers/internal/browse", "producers/internal/orderid", "producers/internal/pace", "producers/internal/ticketpdf", "producers/internal/identity/rules",
	"consumers/internal/order", "consumers/internal/holds", "consumers/internal/memory/...", "consumers/internal/mails", "consumers/internal/adapters/memrate",
}

// impureImports make a package impure; impureCalls do, by package and name.
var (
	impureImports = []string{"math/rand", "math/rand/v2", "crypto/rand", "os", "os/exec", "net", "net/http", "syscall", "io/fs", "runtime"}
	impureCalls   = map[string][]string{"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}}
)
