package dynamoaccount

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"boxoffice/contracts/readmodel"
	"boxoffice/producers/internal/identity"
)

// itemKey is the partition key of the table users.
const itemKey = "accountItem"

// Errors never contain an address, which is part of a key.

// Create implements identity.Accounts. A repeat of the SDK after a lost answer has the same token, so DynamoDB takes it for the
// same transaction.
func (s *Store) Create(ctx context.Context, user readmodel.User, passwordHash string) (taken bool, err error) {
	user.Item = readmodel.UserItem(user.UserID)
	var writes []types.TransactWriteItem
	for _, item := range []any{user, readmodel.MailOwner{Item: readmodel.MailItem(user.MailKey), UserID: user.UserID, PasswordHash: passwordHash}} {
		encoded, err := attributevalue.MarshalMap(item)
		if err != nil {
			return false, fmt.Errorf("encode account %s: %w", user.UserID, err)
		}
		writes = append(writes, types.TransactWriteItem{Put: &types.Put{
			TableName: aws.String(s.tables.Users), Item: encoded, ConditionExpression: aws.String("attribute_not_exists(" + itemKey + ")"),
		}})
	}
	failed, err := s.transact(ctx, writes...)
	switch {
	case err != nil:
		return false, fmt.Errorf("create account %s: %w", user.UserID, err)
	case failed == nil:
		return false, nil
	case failed[0]:
		return false, fmt.Errorf("create account %s: its id is taken", user.UserID)
	}
	return true, nil
}

// MailOwner implements identity.Accounts.
func (s *Store) MailOwner(ctx context.Context, mailKey string) (owner readmodel.MailOwner, found bool, err error) {
	if found, err = s.get(ctx, s.tables.Users, key(itemKey, readmodel.MailItem(mailKey)), &owner); err != nil {
		return readmodel.MailOwner{}, false, fmt.Errorf("read the owner of an address: %w", err)
	}
	return owner, found, nil
}

// User implements identity.Accounts.
func (s *Store) User(ctx context.Context, userID string) (user readmodel.User, found bool, err error) {
	if found, err = s.get(ctx, s.tables.Users, key(itemKey, readmodel.UserItem(userID)), &user); err != nil {
		return readmodel.User{}, false, fmt.Errorf("read account %s: %w", userID, err)
	}
	return user, found, nil
}

// SetProfile implements identity.Accounts.
func (s *Store) SetProfile(ctx context.Context, userID, name, locale string) (user readmodel.User, found bool, err error) {
	values := map[string]types.AttributeValue{}
	var sets []string
	for attribute, value := range map[string]string{"name": name, "locale": locale} {
		if value != "" {
			sets = append(sets, "#"+attribute+" = :"+attribute)
			values[":"+attribute] = text(value)
		}
	}
	if len(sets) == 0 {
		return s.User(ctx, userID)
	}
	names := map[string]string{}
	for value := range values {
		names["#"+value[1:]] = value[1:]
	}
	found, err = s.update(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.tables.Users), Key: key(itemKey, readmodel.UserItem(userID)),
		UpdateExpression:         aws.String("SET " + strings.Join(sets, ", ")),
		ConditionExpression:      aws.String("attribute_exists(" + itemKey + ")"),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}, &user)
	if err != nil {
		return readmodel.User{}, false, fmt.Errorf("change account %s: %w", userID, err)
	}
	return user, found, nil
}

// nonceOf returns the attribute with the nonce of a kind of link.
func nonceOf(kind identity.LinkKind) (string, error) {
	switch kind {
	case identity.LinkConfirm:
		return "confirmNonce", nil
	case identity.LinkReset:
		return "resetNonce", nil
	}
	return "", errors.New("unknown kind of link")
}

// SetNonce implements identity.Accounts.
func (s *Store) SetNonce(ctx context.Context, userID string, kind identity.LinkKind, nonce string) (user readmodel.User, found bool, err error) {
	attribute, err := nonceOf(kind)
	if err == nil {
		found, err = s.update(ctx, &dynamodb.UpdateItemInput{
			TableName: aws.String(s.tables.Users), Key: key(itemKey, readmodel.UserItem(userID)),
			UpdateExpression: aws.String("SET " + attribute + " = :nonce"), ConditionExpression: aws.String("attribute_exists(" + itemKey + ")"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":nonce": text(nonce)},
		}, &user)
	}
	if err != nil {
		return readmodel.User{}, false, fmt.Errorf("make a link for account %s: %w", userID, err)
	}
	return user, found, nil
}

// Confirm implements identity.Accounts.
func (s *Store) Confirm(ctx context.Context, userID, nonce string) (done bool, err error) {
	done, err = s.update(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.tables.Users), Key: key(itemKey, readmodel.UserItem(userID)),
		UpdateExpression: aws.String("SET emailConfirmed = :true REMOVE confirmNonce"), ConditionExpression: aws.String("confirmNonce = :nonce"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":nonce": text(nonce), ":true": &types.AttributeValueMemberBOOL{Value: true}},
	}, nil)
	if err != nil {
		return false, fmt.Errorf("confirm the address of account %s: %w", userID, err)
	}
	return done, nil
}

// SetPassword implements identity.Accounts.
func (s *Store) SetPassword(ctx context.Context, user readmodel.User, nonce, passwordHash string) (done bool, err error) {
	failed, err := s.transact(ctx,
		types.TransactWriteItem{Update: &types.Update{
			TableName: aws.String(s.tables.Users), Key: key(itemKey, readmodel.UserItem(user.UserID)),
			UpdateExpression:    aws.String("SET emailConfirmed = :true REMOVE resetNonce ADD sessionEpoch :one"),
			ConditionExpression: aws.String("resetNonce = :nonce"),
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":nonce": text(nonce), ":true": &types.AttributeValueMemberBOOL{Value: true}, ":one": &types.AttributeValueMemberN{Value: "1"},
			},
		}},
		types.TransactWriteItem{Update: &types.Update{
			TableName: aws.String(s.tables.Users), Key: key(itemKey, readmodel.MailItem(user.MailKey)),
			UpdateExpression: aws.String("SET passwordHash = :hash"), ConditionExpression: aws.String("userId = :user"),
			ExpressionAttributeValues: map[string]types.AttributeValue{":hash": text(passwordHash), ":user": text(user.UserID)},
		}})
	if err != nil {
		return false, fmt.Errorf("set the password of account %s: %w", user.UserID, err)
	}
	return failed == nil, nil
}
