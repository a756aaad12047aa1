package ministacktest

import (
	"os"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

var emulator Emulator

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

func queues(t *testing.T, client *sqs.Client) int {
	t.Helper()
	out, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.QueueUrls)
}

func TestTenantsDoNotSeeEachOther(t *testing.T) {
	first, second := sqs.NewFromConfig(emulator.Tenant(t)), sqs.NewFromConfig(emulator.Tenant(t))
	if _, err := first.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("orders")}); err != nil {
		t.Fatal(err)
	}
	if a, b := queues(t, first), queues(t, second); a != 1 || b != 0 {
		t.Errorf("%d and %d queues, want 1 and 0", a, b)
	}
}

// The emulator is killed when the thread that started it ends, so Go must not end that thread.
func TestEmulatorSurvivesTheEndOfThreads(t *testing.T) {
	client := sqs.NewFromConfig(emulator.Tenant(t))
	for range 20 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // not unlocked: the thread ends with its goroutine
		}()
		<-done
	}
	if n := queues(t, client); n != 0 {
		t.Errorf("%d queues", n)
	}
}
