package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/telemetry"
)

// unreadable is the reason of a letter about a stream that Lambda would not have written.
const unreadable = "unreadable"

// destination has the used fields of what Lambda sends to the on-failure destination of a stream's mapping.
type destination struct {
	RequestContext struct {
		FunctionARN string `json:"functionArn"`
		Condition   string `json:"condition"`
		Attempts    int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	Batch *struct {
		ShardID       string    `json:"shardId"`
		StartSequence string    `json:"startSequenceNumber"`
		EndSequence   string    `json:"endSequenceNumber"`
		FirstAt       time.Time `json:"approximateArrivalOfFirstRecord"`
		LastAt        time.Time `json:"approximateArrivalOfLastRecord"`
		Records       int       `json:"batchSize"`
		StreamARN     string    `json:"streamArn"`
	} `json:"DDBStreamBatchInfo"`
}

// streamFailureOf decodes a letter about records of a stream: which records they are, and why they were given up.
func streamFailureOf(body string) (failure *readmodel.StreamFailure, reason string) {
	var d destination
	if err := json.Unmarshal([]byte(body), &d); err != nil || d.Batch == nil || d.Batch.ShardID == "" || d.Batch.StartSequence == "" {
		return nil, unreadable
	}
	b := d.Batch
	return &readmodel.StreamFailure{
		FunctionARN: d.RequestContext.FunctionARN, StreamARN: b.StreamARN, ShardID: b.ShardID, StartSequence: b.StartSequence, EndSequence: b.EndSequence,
		Records: b.Records, Attempts: d.RequestContext.Attempts, FirstAt: instantOf(b.FirstAt), LastAt: instantOf(b.LastAt),
	}, d.RequestContext.Condition
}

// instantOf returns 0 for a time that the letter does not have.
func instantOf(t time.Time) contracts.Instant {
	if t.IsZero() {
		return 0
	}
	return contracts.InstantOf(t)
}

// buryStreamFailure keeps a letter about records of a stream that their mapping gave up, also one that cannot be decoded, and
// raises the alarm. It does nothing about the records: the repair of a group compares Redis with the rows, so it finds what mirror
// missed, and the histories of the rows have what publish missed.
func (r *Reconciler) buryStreamFailure(ctx context.Context, q DeadLetterQueue, letter Letter) (did drained, err error) {
	failure, reason := streamFailureOf(letter.Body)
	kept := readmodel.DeadLetter{
		MessageKey: readmodel.StreamFailureKey(letter.MessageID), Queue: q.Name(), Reason: reason, Body: letter.Body, Stream: failure,
		At: contracts.InstantOf(r.Now()),
	}.Fitted()
	if err := r.Letters.Keep(ctx, kept); err != nil {
		return did, fmt.Errorf("keep: %w", err)
	}
	var about readmodel.StreamFailure
	if kept.Stream != nil {
		about = *kept.Stream
	}
	r.Log.ErrorContext(ctx, "records of a stream were given up", telemetry.KeyMessage, letter.MessageID, telemetry.KeyReason, kept.Reason,
		telemetry.KeyFunctionARN, about.FunctionARN, telemetry.KeyShard, about.ShardID, telemetry.KeySequence, about.StartSequence,
		telemetry.KeyLastSequence, about.EndSequence, telemetry.KeyCount, about.Records)
	// If the delete fails, the letter is kept and reported again.
	did.streams = 1
	if err := q.Delete(ctx, letter); err != nil {
		return did, fmt.Errorf("delete: %w", err)
	}
	return did, nil
}
