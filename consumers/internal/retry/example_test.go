package retry_test

import (
	"errors"
	"fmt"
	"time"

	"boxoffice/consumers/internal/retry"
)

// What sqsbatch does with a message depends only on the error of its handler.
func ExampleClassify() {
	timeout := errors.New("put row: timeout")
	for _, err := range []error{
		nil,
		retry.Refused("seat_taken"),
		timeout,
		retry.WithDelay(2*time.Second, timeout),
		fmt.Errorf("read row: %w", &retry.BreakerOpenError{Name: "dynamodb", After: 3 * time.Second}),
		retry.Poison("unknown_seat", errors.New(`seat "Z-9" is not in the layout`)),
	} {
		outcome := retry.Classify(err)
		fmt.Printf("%s %q after %s, not before %s\n", outcome.Class, outcome.Reason, outcome.After, outcome.NotBefore)
	}
	// Output:
	// done "" after 0s, not before 0s
	// refused "seat_taken" after 0s, not before 0s
	// retryable "" after 0s, not before 0s
	// retryable "" after 2s, not before 0s
	// retryable "" after 0s, not before 3s
	// poison "unknown_seat" after 0s, not before 0s
}

// A handler reads its row and writes the next version. If another handler has changed the row in between, the store returns
// ErrMoved, and Reread makes the handler start again from the read.
func ExampleReread() {
	status, version := "AWAITING_PAYMENT", 2
	err := retry.Reread(func() error {
		read := version
		fmt.Printf("read version %d: %s\n", read, status)
		if status == "EXPIRED" {
			return retry.Refused("not_open")
		}
		status, version = "EXPIRED", 3 // another handler
		if version != read {
			return fmt.Errorf("update: %w", retry.ErrMoved)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// read version 2: AWAITING_PAYMENT
	// read version 3: EXPIRED
	// refused: not_open
}
