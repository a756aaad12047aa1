package queuetest

import (
	"sync"
	"time"

	"boxoffice/consumers/internal/memory/memqueue"
	"boxoffice/contracts"
)

func (f *fixture) wholeMessage() {
	before := contracts.InstantOf(f.Now())
	sent := f.send("a", 1)[0]
	got := f.want("a1")[0]
	want := of("a", 1)
	if got.MessageID != sent.MessageID || got.SequenceNumber != sent.SequenceNumber || len(got.SequenceNumber) != 20 {
		f.t.Errorf("received %s with number %s, sent was %+v", got.MessageID, got.SequenceNumber, sent)
	}
	if got.Group != "a" || got.Body != want.Body || got.Attributes != want.Attributes || got.ReceiveCount != 1 {
		f.t.Errorf("received %+v", got)
	}
	if got.SentAt < before || got.SentAt > contracts.InstantOf(f.Now()) {
		f.t.Errorf("sent at %s, after %s", got.SentAt, before)
	}
}

func (f *fixture) order() {
	sent := f.send("a", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	for i, s := range sent[1:] {
		if s.SequenceNumber <= sent[i].SequenceNumber {
			f.t.Errorf("number %s comes after %s", s.SequenceNumber, sent[i].SequenceNumber)
		}
	}
	f.remove(f.want("a1 a2 a3 a4 a5 a6 a7 a8 a9 a10")...)
	f.want("a11 a12")
}

func (f *fixture) blocking() {
	f.send("a", 1, 2)
	first := f.want("a1 a2")
	f.send("a", 3)
	f.send("b", 1)
	f.want("b1")
	f.remove(first[0])
	f.want("")
	f.remove(first[1])
	f.want("a3")
}

func (f *fixture) oneGroupFirst() {
	f.send("a", 1)
	f.send("b", 1)
	f.send("a", 2)
	f.want("a1 a2 b1")
}

func (f *fixture) redelivery() {
	f.send("a", 1, 2, 3)
	from := f.Now()
	f.remove(f.want("a1 a2 a3")[0])
	f.send("a", 4)
	again, after := f.wantLater("a2 a3 a4", from)
	if after < enough || again[0].ReceiveCount != 2 || again[2].ReceiveCount != 1 {
		f.t.Errorf("came again after %s, for the times %d, %d and %d", after, again[0].ReceiveCount, again[1].ReceiveCount, again[2].ReceiveCount)
	}
}

func (f *fixture) returnedAtOnce() {
	f.send("a", 1, 2, 3)
	f.giveBack(0, f.want("a1 a2 a3")...)
	if again := f.want("a1 a2 a3"); again[2].ReceiveCount != 2 {
		f.t.Errorf("received for the %d. time", again[2].ReceiveCount)
	}
}

func (f *fixture) returnedForLater() {
	f.send("a", 1, 2)
	got := f.want("a1 a2")
	from := f.Now()
	// Rounded up to whole seconds.
	f.giveBack(short-300*time.Millisecond, got...)
	f.wantNotBefore("a1 a2", from.Add(short), from.Add(short))
}

func (f *fixture) returnedAlone() {
	f.send("a", 1, 2, 3)
	got := f.want("a1 a2 a3")
	f.giveBack(0, got[0])
	f.want("")
	f.giveBack(0, got[2])
	f.want("")
	f.giveBack(0, got[1])
	f.want("a1 a2 a3")
}

func (f *fixture) returnedBehind() {
	f.send("a", 1, 2, 3)
	got := f.want("a1 a2 a3")
	f.giveBack(0, got[1:]...)
	f.want("")
	f.remove(got[0])
	f.want("a2 a3")
}

func (f *fixture) superseded() {
	f.send("a", 1, 2)
	old := f.want("a1 a2")
	f.giveBack(0, old...)
	f.want("a1 a2")
	// Whether the queue reports an error differs; that nothing changes does not.
	_ = f.q.Delete(f.t.Context(), old[0].Receipt)
	_ = f.q.ReturnAfter(f.t.Context(), receipts(old), 0)
	f.want("")
}

func (f *fixture) deduplication() {
	first := f.send("a", 1)[0]
	if again := f.send("a", 1)[0]; again != first {
		f.t.Errorf("a second send is answered %+v, the first was %+v", again, first)
	}
	f.send("b", 1)
	f.send("a", 1, 2)
	got := f.receive(f.q)
	if len(got) != 3 {
		f.t.Fatalf("received %q, want a1, a2 and b1", text(got))
	}
	f.remove(got...)
	f.send("a", 1)
	f.want("")
}

func (f *fixture) forgetting() {
	f.send("a", 1)
	f.Pass(3 * time.Minute)
	f.send("a", 1) // does not restart the five minutes
	f.Pass(3 * time.Minute)
	f.send("a", 1)
	if got := f.receive(f.q); text(got) != "a1 a1" || got[0].MessageID == got[1].MessageID {
		f.t.Errorf("received %q", text(got))
	}
}

func (f *fixture) delay() {
	first := f.Now()
	f.send("a", 1)
	second := f.Now()
	f.send("a", 2)
	got := f.wantNotBefore("a1 a2", first.Add(short), second.Add(short))
	// The delay is for the first receive only.
	f.giveBack(0, got...)
	f.want("a1 a2")
}

func (f *fixture) deadLetters() {
	sent := f.send("a", 1, 2)
	for range 2 {
		f.giveBack(0, f.want("a1 a2")...)
	}
	f.send("a", 3)
	f.want("a3")
	dead := f.receive(f.dead)
	if text(dead) != "a1 a2" || dead[0].MessageID != sent[0].MessageID || dead[0].Group != "a" || dead[0].Attributes != of("a", 1).Attributes {
		f.t.Errorf("dead letters %+v", dead)
	}
}

func (f *fixture) expiredDelete() {
	f.send("a", 1)
	late := f.want("a1")[0]
	f.Pass(short)
	if err := f.q.Delete(f.t.Context(), late.Receipt); err == nil {
		f.t.Error("it was deleted")
	}
	f.want("a1")
}

func (f *fixture) expiredReturn() {
	f.send("a", 1)
	late := f.want("a1")
	f.Pass(short)
	if err := f.q.ReturnAfter(f.t.Context(), receipts(late), time.Minute); err == nil {
		f.t.Error("it was returned")
	}
	f.want("a1")
}

func (f *fixture) concurrent() {
	groups := []string{"a", "b", "c", "d", "e", "f"}
	for _, g := range groups {
		f.send(g, 1, 2, 3)
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	start := make(chan struct{})
	next := map[string]int{}
	for range 8 {
		running.Go(func() {
			<-start
			for range 4 {
				messages, err := f.q.Receive(f.t.Context(), 2)
				if err != nil {
					f.t.Error(err)
				}
				for _, m := range messages {
					mu.Lock()
					if next[m.Group]++; m.Body != of(m.Group, next[m.Group]).Body {
						f.t.Errorf("%s is number %d of its group", m.Body, next[m.Group])
					}
					mu.Unlock()
					if err := f.q.Delete(f.t.Context(), m.Receipt); err != nil {
						f.t.Error(err)
					}
				}
			}
		})
	}
	close(start)
	running.Wait()
	var rest []memqueue.Message
	for got := f.receive(f.q); len(got) > 0; got = f.receive(f.q) {
		rest = append(rest, got...)
		f.remove(got...)
	}
	for _, m := range rest {
		next[m.Group]++
	}
	for _, g := range groups {
		if next[g] != 3 {
			f.t.Errorf("%d messages of group %s were received, sent were 3", next[g], g)
		}
	}
}
