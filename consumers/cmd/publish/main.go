// Command publish is the Lambda behind the stream of orders: it puts each version of an order on the bus.
package main

import "boxoffice/consumers/internal/boot"

func main() { boot.Main("publish", wire) }
