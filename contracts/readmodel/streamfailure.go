package readmodel

import "boxoffice/contracts"

// StreamFailure is the part of a DeadLetter that says which records of a stream were given up. The records are not in it: until
// the stream has lost them, 24 hours after their arrival, they can be read from StreamARN and ShardID between StartSequence and
// EndSequence, both included. With a parallelization factor over 1 that range may have records of other orders too, which
// were handled.
type StreamFailure struct {
	// FunctionARN is the function that could not handle them.
	FunctionARN   string `dynamodbav:"functionArn,omitempty"`
	StreamARN     string `dynamodbav:"streamArn,omitempty"`
	ShardID       string `dynamodbav:"shardId,omitempty"`
	StartSequence string `dynamodbav:"startSequence,omitempty"`
	EndSequence   string `dynamodbav:"endSequence,omitempty"`
	// Records is how many there are, Attempts how often the function was invoked with them, about.
	Records  int `dynamodbav:"records,omitempty"`
	Attempts int `dynamodbav:"attempts,omitempty"`
	// FirstAt and LastAt are when the first and the last of them were written, to the second.
	FirstAt contracts.Instant `dynamodbav:"firstAt,omitempty"`
	LastAt  contracts.Instant `dynamodbav:"lastAt,omitempty"`
}

// StreamFailureKey is the key of a letter about records of a stream. A standard queue may deliver a letter twice: it is the
// same row.
func StreamFailureKey(messageID string) string { return "stream#" + messageID }
