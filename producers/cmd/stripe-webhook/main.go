// Command stripe-webhook is the Lambda behind POST /api/webhooks/stripe.
package main

import "boxoffice/producers/internal/boot"

func main() { boot.Main("stripe-webhook", wire) }
