package outage_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/consumers/internal/adapters/awsclient"
	"boxoffice/consumers/internal/adapters/redisclient"
	"boxoffice/consumers/internal/holds"
	"boxoffice/consumers/internal/order"
	"boxoffice/consumers/internal/pay"
	"boxoffice/contracts"
	"boxoffice/contracts/readmodel"
	"boxoffice/contracts/seatstate"
	"boxoffice/contracts/stripeevent"
)

// groups are the seat groups in Redis as a process calls them: each call is one call of the breaker, with the timeout of redishold.
type groups struct{ *process }

func (s groups) call(ctx context.Context, op func() error) error {
	return redisclient.Call(ctx, s.redis, 500*time.Millisecond, func(ctx context.Context) error { return s.world.redis.call(ctx, op) })
}

// script makes a call that may return an error of holds, which is not a failure of Redis.
func script[A any](ctx context.Context, s groups, op func() (A, error)) (result A, err error) {
	var opErr error
	err = s.call(ctx, func() error { result, opErr = op(); return nil })
	if err != nil {
		var none A
		return none, err
	}
	return result, opErr
}

func (s groups) Hold(ctx context.Context, g seatstate.GroupVersion, run holds.Run) ([]holds.Answer, error) {
	return script(ctx, s, func() ([]holds.Answer, error) { return s.world.holds.Hold(ctx, g, run) })
}

func (s groups) Release(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, version int) (holds.Release, error) {
	return script(ctx, s, func() (holds.Release, error) { return s.world.holds.Release(ctx, g, id, version) })
}

func (s groups) Keep(ctx context.Context, g seatstate.GroupVersion, k holds.Kept) (holds.Applied, error) {
	return script(ctx, s, func() (holds.Applied, error) { return s.world.holds.Keep(ctx, g, k) })
}

func (s groups) Forward(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, hash string, to holds.Forwarding) (holds.Answer, error) {
	return script(ctx, s, func() (holds.Answer, error) { return s.world.holds.Forward(ctx, g, id, hash, to) })
}

func (s groups) Maps(ctx context.Context, groups []seatstate.GroupVersion) ([]seatstate.Snapshot, error) {
	return script(ctx, s, func() ([]seatstate.Snapshot, error) { return s.world.holds.Maps(ctx, groups) })
}

func (s groups) Sell(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Sale, error) {
	return script(ctx, s, func() (holds.Sale, error) { return s.world.holds.Sell(ctx, g, id, places, version) })
}

func (s groups) Restore(ctx context.Context, g seatstate.GroupVersion, id contracts.OrderID, places []int, version int) (holds.Release, error) {
	return script(ctx, s, func() (holds.Release, error) { return s.world.holds.Restore(ctx, g, id, places, version) })
}

func (s groups) Lock(ctx context.Context, g contracts.SeatGroup, token int64, ttl time.Duration) (bool, error) {
	return script(ctx, s, func() (bool, error) { return s.world.holds.Lock(ctx, g, token, ttl) })
}

func (s groups) Unlock(ctx context.Context, g contracts.SeatGroup, token int64) error {
	_, err := script(ctx, s, func() (struct{}, error) { return struct{}{}, s.world.holds.Unlock(ctx, g, token) })
	return err
}

func (s groups) Load(ctx context.Context, g seatstate.GroupVersion, l holds.Load) error {
	_, err := script(ctx, s, func() (struct{}, error) { return struct{}{}, s.world.holds.Load(ctx, g, l) })
	return err
}

func (s groups) Loaded(ctx context.Context, g seatstate.GroupVersion) error {
	_, err := script(ctx, s, func() (struct{}, error) { return struct{}{}, s.world.holds.Loaded(ctx, g) })
	return err
}

// pace stores a lag in Redis and ignores errors.
type pace struct{ *process }

func (p pace) Leave(ctx context.Context, _ contracts.Instant) {
	_ = groups(p).call(ctx, func() error { return nil })
}

// bucket is the shared bucket in Redis.
type bucket struct{ *process }

func (b bucket) Take(ctx context.Context, c pay.Class) (wait time.Duration, err error) {
	err = redisclient.Call(ctx, b.redis, 200*time.Millisecond, func(ctx context.Context) error {
		return b.world.redis.call(ctx, func() (err error) { wait, err = b.world.bucket.Take(ctx, c); return err })
	})
	return wait, err
}

// rows are the orders in DynamoDB as a process calls them: each call is one call of the breaker, with the timeout of dynamoorder.
type rows struct{ *process }

const timeoutOfDynamo = 2 * time.Second

func (p *process) table(ctx context.Context, op func() error) error {
	return p.dynamo.Do(ctx, func(ctx context.Context) error { return p.try(ctx, op) })
}

func (p *process) try(ctx context.Context, op func() error) error {
	return awsclient.Try(ctx, timeoutOfDynamo, func(ctx context.Context) error { return p.world.dynamo.call(ctx, op) })
}

func (r rows) PutAll(ctx context.Context, puts []order.Order) []order.PutResult {
	results := make([]order.PutResult, len(puts))
	err := r.dynamo.Do(ctx, func(ctx context.Context) error {
		var all sync.WaitGroup
		problems := make([]error, len(puts))
		for i, p := range puts {
			all.Go(func() {
				if problems[i] = r.try(ctx, func() error { results[i] = r.world.rows.PutAll(ctx, []order.Order{p})[0]; return nil }); problems[i] != nil {
					results[i] = order.PutResult{Err: problems[i]}
				}
			})
		}
		all.Wait()
		return errors.Join(problems...)
	})
	for i := range results {
		if results[i].Outcome == order.PutUnknown && results[i].Err == nil {
			results[i].Err = err
		}
	}
	return results
}

func (r rows) Read(ctx context.Context, id contracts.OrderID) (o order.Order, found bool, err error) {
	err = r.table(ctx, func() (err error) { o, found, err = r.world.rows.Read(ctx, id); return err })
	return o, found, err
}

func (r rows) ReadMany(ctx context.Context, ids []contracts.OrderID) (all []order.Order, err error) {
	err = r.table(ctx, func() (err error) { all, err = r.world.rows.ReadMany(ctx, ids); return err })
	return all, err
}

func (r rows) OpenIDs(ctx context.Context, g contracts.SeatGroup) (ids []contracts.OrderID, err error) {
	err = r.table(ctx, func() (err error) { ids, err = r.world.rows.OpenIDs(ctx, g); return err })
	return ids, err
}

func (r rows) Ticket(ctx context.Context, g contracts.SeatGroup, seat string) (owner contracts.OrderID, found bool, err error) {
	err = r.table(ctx, func() (err error) { owner, found, err = r.world.rows.Ticket(ctx, g, seat); return err })
	return owner, found, err
}

func (r rows) Tickets(ctx context.Context, g contracts.SeatGroup) (owners map[string]contracts.OrderID, err error) {
	err = r.table(ctx, func() (err error) { owners, err = r.world.rows.Tickets(ctx, g); return err })
	return owners, err
}

func (r rows) NextToken(ctx context.Context, g contracts.SeatGroup) (token int64, err error) {
	err = r.table(ctx, func() (err error) { token, err = r.world.rows.NextToken(ctx, g); return err })
	return token, err
}

// write makes a write. A refused condition is not a failure of the table.
func (r rows) write(ctx context.Context, op func() error) error {
	var opErr error
	if err := r.table(ctx, func() error { opErr = op(); return nil }); err != nil {
		return err
	}
	return opErr
}

func (r rows) Update(ctx context.Context, before, after order.Order) error {
	return r.write(ctx, func() error { return r.world.rows.Update(ctx, before, after) })
}

func (r rows) RejectLost(ctx context.Context, before, after order.Order, seat string) error {
	return r.write(ctx, func() error { return r.world.rows.RejectLost(ctx, before, after, seat) })
}

func (r rows) Withdraw(ctx context.Context, before, after order.Order) error {
	return r.write(ctx, func() error { return r.world.rows.Withdraw(ctx, before, after) })
}

func (r rows) Commit(ctx context.Context, before, after order.Order) error {
	return r.write(ctx, func() error { return r.world.rows.Commit(ctx, before, after) })
}

// catalogue caches for 10 s, as the deployed one does.
type catalogue struct {
	*process
	mu     sync.Mutex
	readAt time.Time
}

func (c *catalogue) read(ctx context.Context) error {
	c.mu.Lock()
	fresh := time.Since(c.readAt) < 10*time.Second
	c.mu.Unlock()
	if fresh {
		return nil
	}
	at := time.Now()
	if err := c.table(ctx, func() error { return nil }); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readAt = at
	return nil
}

func (c *catalogue) Concert(ctx context.Context, id string) (readmodel.Concert, error) {
	return readmodel.Concert{ConcertID: id, LayoutVersion: 1, LayoutFrozen: 1, LimitPerBuyer: limitPerBuyer}, c.read(ctx)
}

func (c *catalogue) LayoutGroup(_ context.Context, _ string, _ int, name string) (readmodel.LayoutGroup, error) {
	return layoutOf(name), nil
}

func (c *catalogue) Layout(context.Context, string, int) ([]readmodel.LayoutGroup, error) {
	var all []readmodel.LayoutGroup
	for n := range c.world.groups {
		all = append(all, layoutOf(groupName(n)))
	}
	return all, nil
}

// notes are the table of attempts, behind the deployed adapter.
type notes struct{ *world }

func (n notes) GetItem(ctx context.Context, _ *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{}, n.dynamo.call(ctx, func() error { return nil })
}

func (n notes) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (out *dynamodb.UpdateItemOutput, err error) {
	err = n.dynamo.call(ctx, func() error {
		at := in.ExpressionAttributeValues[":at"].(*types.AttributeValueMemberL).Value[0]
		ms, err := strconv.ParseInt(at.(*types.AttributeValueMemberN).Value, 10, 64)
		if err != nil {
			return err
		}
		before, err := n.attempts.Begin(ctx, keyOf(in.Key), time.UnixMilli(ms))
		begun := &types.AttributeValueMemberL{}
		for _, b := range before {
			begun.Value = append(begun.Value, &types.AttributeValueMemberN{Value: strconv.FormatInt(b.UnixMilli(), 10)})
		}
		begun.Value = append(begun.Value, at)
		out = &dynamodb.UpdateItemOutput{Attributes: map[string]types.AttributeValue{
			"attempts": &types.AttributeValueMemberN{Value: strconv.Itoa(len(before) + 1)}, "begunAt": begun,
		}}
		return err
	})
	return out, err
}

func (n notes) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{}, n.dynamo.call(ctx, func() error { return n.attempts.End(ctx, keyOf(in.Key)) })
}

func keyOf(key map[string]types.AttributeValue) string {
	return strings.TrimSpace(key["messageKey"].(*types.AttributeValueMemberS).Value)
}

// provider is Stripe behind its breaker, with the timeout of stripepay.
type provider struct{ *process }

var _ pay.Provider = provider{}

func (p provider) call(ctx context.Context, op func() error) error {
	var opErr error
	err := p.stripe.Do(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return p.world.stripe.call(ctx, func() error { opErr = op(); return nil })
	})
	if err != nil {
		return &pay.ProviderError{Code: "no_answer", Err: err}
	}
	return opErr
}

func (p provider) Create(ctx context.Context, key string, c pay.CreateParams) (made pay.Created, err error) {
	err = p.call(ctx, func() (err error) { made, err = p.world.provider.Create(ctx, key, c); return err })
	return made, err
}

func (p provider) Retrieve(ctx context.Context, id string) (i stripeevent.Intent, err error) {
	err = p.call(ctx, func() (err error) { i, err = p.world.provider.Retrieve(ctx, id); return err })
	return i, err
}

func (p provider) Capture(ctx context.Context, key, id string) (i stripeevent.Intent, err error) {
	err = p.call(ctx, func() (err error) { i, err = p.world.provider.Capture(ctx, key, id); return err })
	return i, err
}

func (p provider) Cancel(ctx context.Context, key, id string) (i stripeevent.Intent, err error) {
	err = p.call(ctx, func() (err error) { i, err = p.world.provider.Cancel(ctx, key, id); return err })
	return i, err
}

func (p provider) Undelivered(ctx context.Context, since contracts.Instant, after string) (page pay.EventPage, err error) {
	err = p.call(ctx, func() (err error) { page, err = p.world.provider.Undelivered(ctx, since, after); return err })
	return page, err
}

func (p provider) Entries(ctx context.Context, from, to contracts.Instant, after string) (page pay.EntryPage, err error) {
	err = p.call(ctx, func() (err error) { page, err = p.world.provider.Entries(ctx, from, to, after); return err })
	return page, err
}

func (p provider) Entry(ctx context.Context, id string) (e pay.Entry, err error) {
	err = p.call(ctx, func() (err error) { e, err = p.world.provider.Entry(ctx, id); return err })
	return e, err
}
