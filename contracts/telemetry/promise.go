package telemetry

// BrokenPromises are the metrics that show, by a value over 0 or over their limit, that Boxoffice breaks a promise. Each has an
// alarm in contracts/topology.
var BrokenPromises = []Metric{
	DecisionLag, MirrorLag, MessagesPoisoned, DeadLettersDrained, LettersNotKept, StreamFailures, RecordsPassedOver, EventsRefused, EventsOfOtherMode,
	BreakerOpened, PaymentsRefused, InvariantsBroken, LedgerDifferences, ListsCutShort,
}

// Figures are all other metrics, for dashboards and for explaining an alarm. They have no alarms.
var Figures = []Metric{
	OrdersAccepted, OrdersRefused, OrdersDecided, HoldsExpired, OrdersCommitted, OrdersConfirmed, OrdersRevoked, GroupsLoaded,
	MessagesReturned, DependencyCall, WebhooksReceived, EventsPublished, OrdersLeftToQueues, StepsLeftBehind, StepsRepeated,
	EventsFetched, LedgerDifferencesKnown, ReconcileLeft, OrdersRepaired, CallsPaced, BucketsMissed,
	FramesSent, FrameLag, MailsSent, MailLag, MailsNotSent, MailsStopped,
}
