package telemetry

// BrokenPromises are the metrics that mean, with any value over 0 or past their limit, that something does not hold which
// Boxoffice promises. Each of them has an alarm in contracts/topology.
var BrokenPromises = []Metric{
	DecisionLag, MirrorLag, MessagesPoisoned, DeadLettersDrained, LettersNotKept, StreamFailures, RecordsPassedOver, EventsRefused, EventsOfOtherMode,
	BreakerOpened, PaymentsRefused, InvariantsBroken, LedgerDifferences, ListsCutShort,
}

// Figures are all other metrics: what a dashboard shows, and what explains an alarm. None of them alone is one.
var Figures = []Metric{
	OrdersAccepted, OrdersRefused, OrdersDecided, HoldsExpired, OrdersCommitted, OrdersConfirmed, OrdersRevoked, GroupsLoaded,
	MessagesReturned, DependencyCall, WebhooksReceived, EventsPublished, OrdersLeftToQueues, StepsLeftBehind, StepsRepeated,
	EventsFetched, LedgerDifferencesKnown, ReconcileLeft, OrdersRepaired, CallsPaced, BucketsMissed,
}
