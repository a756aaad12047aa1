package readmodel

import "boxoffice/contracts"

// StreamFailure is the part of a DeadLetter that says which stream records were given up. It does not contain the records. The
// stream keeps them for 24 hours; until then they can be read from StreamARN and ShardID, from StartSequence to EndSequence,
// both inclusive. With a parallelization factor over 1 that range can include records of other orders, which were handled.
type StreamFailure struct {
	// FunctionARN is the function that could not handle the records.
	FunctionARN   string `dynamodbav:"functionArn,omitempty"`
	StreamARN     string `dynamodbav:"streamArn,omitempty"`
	ShardID       string `dynamodbav:"shardId,omitempty"`
	StartSequence string `dynamodbav:"startSequence,omitempty"`
	EndSequence   string `dynamodbav:"endSequence,omitempty"`
	// Records is the number of records. Attempts is about how often the function was invoked with them.
	Records  int `dynamodbav:"records,omitempty"`
	Attempts int `dynamodbav:"attempts,omitempty"`
	// FirstAt and LastAt are when the first and the last record were written, to the second.
	FirstAt contracts.Instant `dynamodbav:"firstAt,omitempty"`
	LastAt  contracts.Instant `dynamodbav:"lastAt,omitempty"`
}

// StreamFailureKey returns the key of a letter about stream records. A standard queue can deliver a letter twice; both copies
// are the same row.
func StreamFailureKey(messageID string) string { return "stream#" + messageID }
