// Command commit is the Lambda behind authorizations.fifo: it gives the seats of an order to the buyer who has paid for them.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("commit", wire) }
