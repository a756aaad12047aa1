// Command pay is the Lambda behind payments.fifo and the only one with Stripe's key: it opens, captures and voids payments.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("pay", wire) }
